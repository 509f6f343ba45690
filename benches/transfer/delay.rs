//! A long way for TCP connections: a delay in each direction and a rate, where the kernel has no netem. What it does not
//! have is loss and the slow start of a connection over the whole way.

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What is read at once, in bytes.
const CHUNK: usize = 32 << 10;

/// What is under way at most, in chunks: 32 MiB.
const UNDER_WAY: usize = 1024;

/// Carries every connection to `listen` on to `to`. `milliseconds` is a round trip, `megabits` a second is the rate of each
/// direction.
pub(crate) async fn carry(
    listen: &str,
    to: &str,
    milliseconds: &str,
    megabits: &str,
) -> Result<(), Box<dyn Error>> {
    let one_way = Duration::from_millis(milliseconds.parse()?) / 2;
    let bytes_per_second = megabits.parse::<f64>()? * 1e6 / 8.0;
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (near, _) = listener.accept().await?;
        let to = to.to_owned();
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(to).await else {
                return;
            };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let (near_in, near_out) = near.into_split();
            let (far_in, far_out) = far.into_split();
            direction(near_in, far_out, one_way, bytes_per_second);
            direction(far_in, near_out, one_way, bytes_per_second);
        });
    }
}

/// One direction of a connection.
fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    bytes_per_second: f64,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    tokio::spawn(async move {
        let mut free = Instant::now();
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let count = from.read_buf(&mut chunk).await.unwrap_or(0);
            if count == 0 {
                break;
            }
            // The wire is busy with these bytes; what comes behind waits for it.
            let length = u32::try_from(count).unwrap_or(u32::MAX);
            let busy = Duration::from_secs_f64(f64::from(length) / bytes_per_second);
            free = free.max(Instant::now()) + busy;
            if sender.send((free + delay, chunk)).await.is_err() {
                break;
            }
            if free > Instant::now() + Duration::from_millis(2) {
                sleep_until(free).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, chunk)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    });
}
