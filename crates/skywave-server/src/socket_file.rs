//! The file of a Unix socket: made so that nobody finds it half-made, and removed at the end.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::endpoint::BACKLOG;

/// A socket's file; removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

/// Listens at `path`.
///
/// The socket is made beside its place, given its mode, and moved there once it listens. So it is
/// never open to more people than it should be, and it replaces a file that was left behind
/// without a moment in which there is none.
pub(crate) fn bind(path: PathBuf, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    make_sure_nobody_listens(&path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    // From a process of the same number that ended here before.
    remove(&beside)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&beside)?)?;
    let moved = settle(&socket, &beside, &path, mode);
    match moved {
        Ok(inode) => Ok((socket.into(), SocketFile { path, inode })),
        Err(error) => {
            let _ = remove(&beside);
            Err(error)
        }
    }
}

fn settle(socket: &Socket, beside: &Path, path: &Path, mode: u32) -> io::Result<(u64, u64)> {
    fs::set_permissions(beside, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    fs::rename(beside, path)?;
    inode(path)
}

/// Fails when something is at `path` that is still of use.
fn make_sure_nobody_listens(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let message = format!("{} exists and is no socket", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Whoever listens may be too busy to accept.
    socket.set_nonblocking(true)?;
    let Err(error) = socket.connect(&SockAddr::unix(path)?) else {
        return Err(in_use(path));
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
        io::ErrorKind::WouldBlock => Err(in_use(path)),
        _ => Err(error),
    }
}

fn in_use(path: &Path) -> io::Error {
    let message = format!("another process listens at {}", path.display());
    io::Error::new(io::ErrorKind::AddrInUse, message)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A successor may listen there by now.
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
