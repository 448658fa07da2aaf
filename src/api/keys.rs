//! Keys that open the API over TCP: 256 random bits each, shown once. Kept is only the BLAKE3 hash,
//! in a file of the node that only its owner can read; so a key opens the node that made it, and no
//! other.

use base::ContentHash;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use transport::KeyFileError;

/// The keys of one node.
#[derive(Debug)]
pub struct ApiKeys {
    path: PathBuf,
    keys: watch::Sender<Arc<Vec<KeyRecord>>>,
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Sixteen hexadecimal digits.
    pub id: String,
    /// For people: who uses it.
    pub name: String,
    /// Seconds since the Unix epoch.
    pub created_unix_s: u64,
    hash: ContentHash,
}

/// Why a key was not made or revoked, or the file of keys not read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("{} is damaged: {why}", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("a key's name has 1 to {MAX_NAME} characters and no control characters")]
    Name,
    #[error("there are {MAX_KEYS} keys: revoke one")]
    TooMany,
    #[error("there is no key `{id}`")]
    Unknown { id: String },
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    v: u32,
    keys: Vec<KeyRecord>,
}

impl ApiKeys {
    /// Those of the node in `folder`; none where no key was ever made.
    pub fn load(folder: &Path) -> Result<ApiKeys, ApiKeyError> {
        let path = folder.join(FILE);
        let keys = match transport::read_private(&path) {
            Ok(bytes) => read(&path, &bytes)?,
            Err(KeyFileError::Missing { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(ApiKeys {
            path,
            keys: watch::Sender::new(Arc::new(keys)),
        })
    }

    pub fn list(&self) -> Arc<Vec<KeyRecord>> {
        self.keys.borrow().clone()
    }

    /// A new key: the text that opens, and what is kept of it.
    pub fn create(&self, name: &str, now: u64) -> Result<(String, KeyRecord), ApiKeyError> {
        let plain = !name.chars().any(char::is_control);
        if name.is_empty() || name.chars().count() > MAX_NAME || !plain {
            return Err(ApiKeyError::Name);
        }
        let (id, secret): ([u8; 8], [u8; 32]) = rand::random();
        let id = hex(&id);
        let text = format!("{HEAD}{id}.{}", hex(&secret));
        let record = KeyRecord {
            hash: hash(&text),
            id,
            name: name.to_owned(),
            created_unix_s: now,
        };
        let made = record.clone();
        self.change(|keys| {
            if keys.len() >= MAX_KEYS {
                return Err(ApiKeyError::TooMany);
            }
            keys.push(record);
            Ok(())
        })?;
        Ok((text, made))
    }

    /// The key is worthless from now on.
    pub fn revoke(&self, id: &str) -> Result<KeyRecord, ApiKeyError> {
        let mut gone = None;
        self.change(|keys| {
            let at = keys.iter().position(|key| key.id == id);
            let at = at.ok_or_else(|| ApiKeyError::Unknown { id: id.to_owned() })?;
            gone = Some(keys.remove(at));
            Ok(())
        })?;
        gone.ok_or_else(|| ApiKeyError::Unknown { id: id.to_owned() })
    }

    /// The key that `text` is, if it is one. Compares with all of them, each in constant time.
    pub fn find(&self, text: &str) -> Option<KeyRecord> {
        let given = blake3::hash(text.as_bytes());
        let keys = self.list();
        keys.iter().fold(None, |found, key| {
            // `blake3::Hash` compares in constant time.
            if blake3::Hash::from_bytes(key.hash.0) == given {
                Some(key.clone())
            } else {
                found
            }
        })
    }

    /// One change at a time, in force once it is on the disk.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<KeyRecord>) -> Result<(), ApiKeyError>,
    ) -> Result<(), ApiKeyError> {
        let mut outcome = Ok(());
        self.keys.send_if_modified(|keys| {
            let mut next = keys.to_vec();
            outcome = change(&mut next).and_then(|()| self.save(&next));
            let done = outcome.is_ok();
            if done {
                *keys = Arc::new(next);
            }
            done
        });
        outcome
    }

    fn save(&self, keys: &[KeyRecord]) -> Result<(), ApiKeyError> {
        let file = KeyFile {
            v: 1,
            keys: keys.to_vec(),
        };
        let bytes = serde_json::to_vec_pretty(&file).map_err(|error| self.damaged(&error))?;
        Ok(transport::write_private(&self.path, &bytes)?)
    }

    fn damaged(&self, why: &impl ToString) -> ApiKeyError {
        damaged(&self.path, why)
    }
}

fn read(path: &Path, bytes: &[u8]) -> Result<Vec<KeyRecord>, ApiKeyError> {
    let file: KeyFile = serde_json::from_slice(bytes).map_err(|error| damaged(path, &error))?;
    if file.v != 1 {
        return Err(damaged(path, &format!("layout {}", file.v)));
    }
    Ok(file.keys)
}

fn damaged(path: &Path, why: &impl ToString) -> ApiKeyError {
    ApiKeyError::Damaged {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn hash(text: &str) -> ContentHash {
    ContentHash(*blake3::hash(text.as_bytes()).as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So that a leaked key can be told from other texts.
const HEAD: &str = "rlmk1.";
const FILE: &str = "api-keys.json";
const MAX_KEYS: usize = 64;
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_opens_until_it_is_revoked_and_only_its_hash_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ApiKeys::load(folder.path()).unwrap();
        let (text, made) = keys.create("ci", 7).unwrap();
        let (other, _) = keys.create("laptop", 8).unwrap();
        assert_eq!(text.len(), HEAD.len() + 16 + 1 + 64);
        assert_eq!(keys.find(&text), Some(made.clone()));
        for wrong in ["", &text[1..], &text.to_uppercase(), &format!("{text} ")] {
            assert_eq!(keys.find(wrong), None, "{wrong}");
        }
        let path = folder.path().join(FILE);
        let kept = std::fs::read_to_string(&path).unwrap();
        let secret = text.rsplit('.').next().unwrap();
        assert!(kept.contains(&made.id) && !kept.contains(secret), "{kept}");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = ApiKeys::load(folder.path()).unwrap();
        assert_eq!(again.list(), keys.list());
        assert_eq!(again.revoke(&made.id).unwrap(), made);
        assert_eq!(
            (again.find(&text), again.find(&other).is_some()),
            (None, true)
        );
        assert!(matches!(
            again.revoke(&made.id),
            Err(ApiKeyError::Unknown { .. })
        ));
        assert_eq!(ApiKeys::load(folder.path()).unwrap().find(&text), None);
    }

    #[test]
    fn names_and_numbers_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ApiKeys::load(folder.path()).unwrap();
        for name in ["", "two\nlines", &"n".repeat(MAX_NAME + 1)] {
            assert!(matches!(keys.create(name, 0), Err(ApiKeyError::Name)));
        }
        for _ in 0..MAX_KEYS {
            keys.create("n", 0).unwrap();
        }
        assert!(matches!(keys.create("n", 0), Err(ApiKeyError::TooMany)));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let error = ApiKeys::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(FILE) && error.contains("damaged"), "{error}");
    }
}
