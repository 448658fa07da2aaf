//! No acknowledged write to the replicated store is lost: each reply that a client was told is
//! recorded can be read, with the same bytes, from any node once the cluster is whole (the
//! store's own promise: a write is answered when it is on its node's disk).

use bytes::Bytes;
use cluster::Node;
use std::collections::BTreeMap;

/// The first record that is missing or different, if any.
pub async fn missing_record(
    node: &Node,
    told: BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<Option<String>, String> {
    for (key, value) in told {
        let name = String::from_utf8_lossy(&key).into_owned();
        let found = node
            .record(Bytes::from(key))
            .await
            .map_err(|error| error.to_string())?;
        match found {
            Some(found) if found == value => {}
            Some(_) => return Ok(Some(format!("record {name} has other bytes"))),
            None => {
                return Ok(Some(format!(
                    "record {name} was acknowledged and is not there"
                )));
            }
        }
    }
    Ok(None)
}
