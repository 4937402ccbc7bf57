//! A real TLS listener in front of a real router.

use std::sync::Arc;

use gadugi_router::client::{Error, NewEvent, State, Subscription, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::router::Router;
use super::{client, topic, until};

/// Who vouches for the others.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Identity(String, String);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn certify(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        Identity(params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Ends TLS before a router; who connects shows a certificate of `clients`, if that is said.
async fn before(router: &Router, identity: &Identity, clients: Option<&Authority>) -> String {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(identity.0.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.1.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = router.address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut router = TcpStream::connect(address).await.unwrap();
                copy_bidirectional(&mut client, &mut router).await.ok();
            });
        }
    });
    format!("wss://localhost:{port}")
}

#[tokio::test]
async fn events_go_by_tls_and_only_to_whom_is_trusted() {
    let router = Router::running().await;
    let authority = Authority::new();
    let url = before(&router, &authority.certify("localhost"), None).await;
    let client_ = client(&url).tls(Tls::default().ca(authority.pem())).connect().await.unwrap();
    let mut events = client_.subscribe(Subscription::new(["*"])).await.unwrap();
    let large = NewEvent::new("large").payload(&"x".repeat(1_000_000)).unwrap();
    client_.publish(large).await.unwrap();
    assert_eq!(topic(&mut events).await, "large");

    let others = Tls::default().ca(Authority::new().pem());
    let error = client(&url).tls(others).connect().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let error = client(&url.replace("localhost", "127.0.0.1"))
        .tls(Tls::default().ca(authority.pem()))
        .connect()
        .await;
    assert!(matches!(error.unwrap_err(), Error::Connect { .. }));
    // It is not one of those that the system trusts.
    assert!(matches!(client(&url).connect().await.unwrap_err(), Error::Connect { .. } | Error::Tls(_)));
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let router = Router::running().await;
    let authority = Authority::new();
    let url = before(&router, &authority.certify("localhost"), Some(&authority)).await;
    let trusting = Tls::default().ca(authority.pem());
    let nobody = client(&url).tls(trusting.clone()).max_reconnect_attempts(0).start().unwrap();
    until(&nobody, State::is_closed).await;
    let Identity(chain, key) = authority.certify("agent");
    let client = client(&url).tls(trusting.client_certificate(chain, key)).connect().await.unwrap();
    client.publish(NewEvent::new("t")).await.unwrap();
}

#[tokio::test]
async fn what_is_no_certificate_is_told_at_once() {
    for (tls, why) in [
        (Tls::default().ca("none"), "the CA's certificate: there is none"),
        (Tls::default().ca(Authority::new().pem()).client_certificate("none", "none"), "the client's key"),
    ] {
        let error = client("wss://localhost:1").tls(tls).start().unwrap_err();
        assert!(matches!(&error, Error::Tls(text) if text.contains(why)), "{error}");
    }
}
