//! Where the settings come from, so that they can be read again after the working directory has changed.

use std::env;
use std::path::{Path, PathBuf};

use crate::config::{Inputs, Loaded, Origin};

/// The inputs of the start, and the directory from which relative paths count.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// With absolute paths.
    pub inputs: Inputs,
    base: PathBuf,
}

impl Source {
    /// Relative paths count from this process's working directory, as it is now.
    pub fn new(inputs: Inputs) -> Self {
        // Without a working directory there is nothing that a relative path could mean.
        Self::below(env::current_dir().unwrap_or_else(|_| PathBuf::from("/")), inputs)
    }

    fn below(base: PathBuf, mut inputs: Inputs) -> Self {
        for file in [&mut inputs.file, &mut inputs.standard_file].into_iter().flatten() {
            *file = join(&base, file);
        }
        Self { inputs, base }
    }

    /// Makes the paths in what was loaded absolute.
    pub fn settle(&self, loaded: &mut Loaded) {
        let config = &mut loaded.config;
        let paths = [
            &mut loaded.file,
            &mut config.process.pid_file,
            &mut config.log.file,
            &mut config.drain.spool,
            &mut config.store.path,
            &mut config.admin.socket,
        ];
        for path in paths.into_iter().flatten() {
            *path = self.absolute(path);
        }
        for origin in loaded.origins.values_mut() {
            if let Origin::File { file, .. } = origin {
                *file = self.absolute(Path::new(file)).display().to_string();
            }
        }
    }

    /// The path as it was meant at the start.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        join(&self.base, path)
    }
}

/// Without `.` components, for messages.
fn join(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn relative_paths_count_from_where_the_router_was_started() {
        let directory = tempfile::tempdir().unwrap();
        let text = "[process]\npid_file = 'a.pid'\n[log]\nfile = './b.log'\n[drain]\nspool = '/c'\n[admin]\nsocket = 's'\n";
        std::fs::write(directory.path().join("c.toml"), text).unwrap();
        let inputs = Inputs { file: Some("./c.toml".into()), ..Inputs::default() };
        let source = Source::below(directory.path().to_owned(), inputs);
        // As the command line named it, which is what the start itself loads.
        let relative = Origin::File { file: "c.toml".to_owned(), at: Some((2, 1)) };
        let mut loaded = config::load(&source.inputs).unwrap();
        loaded.origins.insert("process.pid_file", relative);
        source.settle(&mut loaded);
        let at = |name| Some(directory.path().join(name));
        assert_eq!(loaded.file, at("c.toml"));
        let origin = format!("{}:2:1", directory.path().join("c.toml").display());
        assert_eq!(loaded.origin("process.pid_file").to_string(), origin);
        assert_eq!(loaded.config.process.pid_file, at("a.pid"));
        assert_eq!(loaded.config.log.file, at("b.log"));
        assert_eq!(loaded.config.admin.socket, at("s"));
        assert_eq!(loaded.config.drain.spool, Some("/c".into()));
    }
}
