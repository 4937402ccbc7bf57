//! The thread that brings what the intake log holds into the file, while more is taken in.
//!
//! The file has one owner at a time: it is handed to the thread together with the groups, and comes back.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::file::StoreFile;
use super::intake::Group;
use crate::store::{Kind, StoreError};

/// The file, here or with the thread.
pub(super) struct Filler {
    place: Where,
    to_thread: SyncSender<(StoreFile, Vec<Group>)>,
    back: Receiver<Result<StoreFile, StoreError>>,
}

enum Where {
    Here(Box<StoreFile>),
    Away,
    /// It is of no use any more.
    Failed(StoreError),
}

impl Filler {
    /// Starts the thread. It ends by itself when this is gone.
    pub fn new(file: StoreFile) -> io::Result<Self> {
        // One file is on its way at most.
        let (to_thread, jobs) = sync_channel::<(StoreFile, Vec<Group>)>(1);
        let (done, back) = sync_channel(1);
        thread::Builder::new().name("store-filler".into()).spawn(move || {
            while let Ok((mut file, groups)) = jobs.recv() {
                let filled = file.fill(&groups);
                // Their memory is free before more is taken in for it.
                drop(groups);
                if done.send(filled.map(|()| file)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { place: Where::Here(Box::new(file)), to_thread, back })
    }

    /// The file; it is waited for.
    pub fn file(&mut self) -> Result<&mut StoreFile, StoreError> {
        if let Where::Away = self.place {
            let came = self.back.recv();
            self.arrived(came.unwrap_or_else(|_| Err(ended())));
        }
        match &mut self.place {
            Where::Here(file) => Ok(file),
            Where::Away => Err(ended()),
            Where::Failed(error) => Err(error.clone()),
        }
    }

    /// The file, unless the thread has it.
    pub fn file_if_here(&mut self) -> Result<Option<&mut StoreFile>, StoreError> {
        if let (Where::Away, Ok(came)) = (&self.place, self.back.try_recv()) {
            self.arrived(came);
        }
        if let Where::Away = self.place { Ok(None) } else { self.file().map(Some) }
    }

    /// The file, if it is known to be here.
    pub fn at_hand(&self) -> Option<&StoreFile> {
        if let Where::Here(file) = &self.place { Some(file) } else { None }
    }

    /// Has the thread bring these groups into the file, which is here.
    pub fn fill(&mut self, groups: Vec<Group>) {
        if let Where::Here(file) = std::mem::replace(&mut self.place, Where::Away)
            && self.to_thread.send((*file, groups)).is_err()
        {
            self.place = Where::Failed(ended());
        }
    }

    /// The file is of no use any more.
    pub fn fail(&mut self, error: StoreError) -> StoreError {
        self.place = Where::Failed(error.clone());
        error
    }

    fn arrived(&mut self, came: Result<StoreFile, StoreError>) {
        self.place = match came {
            Ok(file) => Where::Here(Box::new(file)),
            Err(error) => Where::Failed(error),
        };
    }
}

fn ended() -> StoreError {
    StoreError::new(Kind::Io, "the thread that fills the event store has ended: see the log before this")
}
