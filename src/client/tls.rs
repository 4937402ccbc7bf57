//! TLS: whom a client trusts, and who it is.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Error;

/// How `wss://` is spoken. Without anything said, the router's certificate has to be one that the system trusts.
///
/// ```no_run
/// use gadugi_router::client::{Client, Tls};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::default()
///     .ca(std::fs::read("ca.pem")?)
///     .client_certificate(std::fs::read("agent.pem")?, std::fs::read("agent.key")?);
/// let client = Client::builder("wss://router.example:9443").tls(tls).connect().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Reading the system's certificates takes a while, so it is done once.
    built: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Trusts these certificates (PEM), and not the system's.
    #[must_use]
    pub fn ca(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { ca: Some(pem.into()), built: Arc::default(), ..self }
    }

    /// Shows a certificate with its chain, and has the key that belongs to it (both PEM), for who asks for them.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { identity: Some((chain.into(), key.into())), built: Arc::default(), ..self }
    }

    /// # Errors
    /// If a certificate or a key cannot be read, or they do not belong together.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(built) = self.built.get() {
            return Ok(Arc::clone(built));
        }
        let built = Arc::new(self.build().map_err(Error::Tls)?);
        Ok(Arc::clone(self.built.get_or_init(|| built)))
    }

    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.config().map_err(io::Error::other)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }

    fn build(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(self.roots()?);
        let Some((chain, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the client's key: {error}"))?;
        let chain = certificates("the client's certificate", chain)?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("the client's certificate: {error}"))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(pem) => {
                for certificate in certificates("the CA's certificate", pem)? {
                    roots.add(certificate).map_err(|error| format!("the CA's certificate: {error}"))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                // Some of a system's may be odd; those that are not are enough.
                if roots.add_parsable_certificates(found.certs).0 == 0 {
                    let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
                    return Err(format!("the system has no certificates to trust: {}", why.join("; ")));
                }
            }
        }
        Ok(roots)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (has_ca, has_identity) = (self.ca.is_some(), self.identity.is_some());
        f.debug_struct("Tls").field("ca", &has_ca).field("client_certificate", &has_identity).finish()
    }
}

fn certificates(whose: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(format!("{whose}: there is none in this PEM")),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("{whose}: {error}")),
    }
}
