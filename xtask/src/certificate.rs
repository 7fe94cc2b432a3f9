//! A certificate for this machine that nobody else trusts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The certificate of [`write`], which its clients have to be told of.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
/// Its private key.
pub(crate) const KEY: &str = "key.pem";

/// Makes a certificate for `localhost` and 127.0.0.1, and writes it and its key to `folder`.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certified =
        rcgen::generate_simple_self_signed(names).context("could not make a certificate")?;
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    for (name, text) in [
        (CERTIFICATE, certified.cert.pem()),
        (KEY, certified.signing_key.serialize_pem()),
    ] {
        fs::write(folder.join(name), text).with_context(|| format!("could not write {name}"))?;
    }
    Ok(())
}
