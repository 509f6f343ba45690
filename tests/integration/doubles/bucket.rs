//! A bucket in memory, which a real HTTP client of an instance can send parts to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

use collector::object_store::{ObjectStore, ObjectUpload, Part, SignedPut, StoreError, StoredPart};

use super::{Simulation, Trigger};

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Storing {
    #[default]
    Works,
    /// It takes nothing.
    Refused,
    /// What it has of the first object is not what was sent.
    FirstDiffers,
}

/// The parts by the paths of their addresses.
type Parts = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

#[derive(Debug)]
pub(crate) struct Bucket {
    storing: Storing,
    simulation: Rc<Simulation>,
    server: SocketAddr,
    parts: Parts,
    begun: RefCell<u32>,
    objects: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Bucket {
    pub(crate) fn new(storing: Storing, simulation: Rc<Simulation>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let parts = Parts::default();
        let taken = parts.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming() {
                take(&client.unwrap(), &taken);
            }
        });
        Self {
            storing,
            simulation,
            server,
            parts,
            begun: RefCell::default(),
            objects: RefCell::default(),
        }
    }

    /// The whole objects, by their keys.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.objects.borrow().clone()
    }

    /// The number of parts that belong to no object.
    pub(crate) fn loose_parts(&self) -> usize {
        self.parts.lock().unwrap().len()
    }
}

/// Takes one `PUT`.
fn take(mut client: &TcpStream, parts: &Parts) {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let lower = head.to_lowercase();
    let (_, length) = lower.split_once("content-length: ").unwrap();
    let length = length.lines().next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    parts.lock().unwrap().insert(path, body);
    let answer =
        "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    client.write_all(answer.as_bytes()).unwrap();
}

fn path(upload: &ObjectUpload, part: &Part) -> String {
    format!("/{}/{}", upload.id, part.number)
}

impl ObjectStore for Bucket {
    fn address(&self, name: &str) -> String {
        format!("s3://bucket/{name}")
    }

    async fn begin(&self, name: &str) -> Result<ObjectUpload, StoreError> {
        self.simulation.at(Trigger::Storing);
        if self.storing == Storing::Refused {
            return Err(StoreError::Refused {
                action: "beginning an upload",
                code: "AccessDenied".into(),
                message: "the test says so".into(),
                hint: None,
            });
        }
        *self.begun.borrow_mut() += 1;
        Ok(ObjectUpload {
            key: name.into(),
            id: self.begun.borrow().to_string(),
        })
    }

    async fn sign(
        &self,
        upload: &ObjectUpload,
        parts: &[Part],
    ) -> Result<Vec<SignedPut>, StoreError> {
        let signed = parts.iter().map(|part| SignedPut {
            url: format!("http://{}{}", self.server, path(upload, part)),
            header: format!("x-checksum: {}", hex::encode(part.sha256)),
        });
        Ok(signed.collect())
    }

    async fn put(
        &self,
        upload: &ObjectUpload,
        part: Part,
        bytes: Vec<u8>,
    ) -> Result<StoredPart, StoreError> {
        self.parts
            .lock()
            .unwrap()
            .insert(path(upload, &part), bytes);
        let tag = "tag".into();
        Ok(StoredPart { part, tag })
    }

    async fn complete(
        &self,
        upload: &ObjectUpload,
        stored: &[StoredPart],
    ) -> Result<(), StoreError> {
        if self.storing == Storing::FirstDiffers && upload.id == "1" {
            return Err(StoreError::Differs {
                key: upload.key.clone(),
                stored: "one".into(),
                sent: "another".into(),
            });
        }
        let mut parts = self.parts.lock().unwrap();
        let object = stored.iter().flat_map(|stored| {
            let bytes = parts.remove(&path(upload, &stored.part)).unwrap();
            assert_eq!(bytes.len() as u64, stored.part.size);
            bytes
        });
        let object = object.collect();
        self.objects.borrow_mut().insert(upload.key.clone(), object);
        Ok(())
    }

    async fn abort(&self, upload: &ObjectUpload) -> Result<(), StoreError> {
        let of_upload = format!("/{}/", upload.id);
        let mut parts = self.parts.lock().unwrap();
        parts.retain(|path, _| !path.starts_with(&of_upload));
        Ok(())
    }
}
