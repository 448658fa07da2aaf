//! Who may call what. Pure, and the only place that decides it: every request and every datagram
//! passes here before its receiver sees it. What no row allows is denied.

use crate::verify::CLOCK_LEEWAY;
use crate::{Denial, NodeCertificate, Revocations};
use base::ClusterId;
use std::time::Duration;
use wire::Kind;

/// What a decision rests on, besides the peer.
#[derive(Clone, Copy, Debug)]
pub struct AccessFacts<'a> {
    pub cluster: ClusterId,
    /// The date, since the Unix epoch.
    pub now: Duration,
    pub revoked: &'a Revocations,
}

/// Whether the holder of `certificate`, or a stranger where it is `None`, may send `kind`.
pub fn authorise(
    kind: Kind,
    certificate: Option<&NodeCertificate>,
    facts: AccessFacts<'_>,
) -> Result<(), Denial> {
    let callers = kind.callers();
    let Some(certificate) = certificate else {
        return match callers.allow(None) {
            true => Ok(()),
            false => Err(Denial::NoCertificate),
        };
    };
    standing(certificate, facts)?;
    match callers.allow(Some(certificate.roles)) {
        true => Ok(()),
        false => Err(Denial::Role),
    }
}

/// Whether a certificate is still worth anything.
pub fn standing(certificate: &NodeCertificate, facts: AccessFacts<'_>) -> Result<(), Denial> {
    if certificate.cluster != facts.cluster {
        Err(Denial::OtherCluster)
    } else if facts.revoked.covers(certificate) {
        Err(Denial::Revoked)
    } else if facts.now > certificate.not_after + CLOCK_LEEWAY {
        Err(Denial::Expired)
    } else if facts.now + CLOCK_LEEWAY < certificate.not_before {
        Err(Denial::NotYetValid)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
