//! A forward proxy that notes what it is asked for, and leads everything to one place.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy does with a request.
#[derive(Clone, Copy)]
pub enum Conduct {
    /// Connects to this address, whatever name it was given.
    Lead(SocketAddr),
    /// Answers this and closes.
    Say(&'static str),
}

/// A running proxy. It ends with the test.
pub struct Proxy {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub async fn start(conduct: Conduct) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, conduct, kept.clone()));
            }
        });
        Proxy { url, asked }
    }

    /// The first request line of each connection so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut client: TcpStream, conduct: Conduct, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let is_tunnel = line.starts_with("CONNECT ");
    asked.lock().unwrap().push(line);
    let server = match conduct {
        Conduct::Say(text) => {
            let _ = client.write_all(text.as_bytes()).await;
            return;
        }
        Conduct::Lead(server) => server,
    };
    let mut server = TcpStream::connect(server).await.unwrap();
    let begun = match is_tunnel {
        true => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await,
        false => server.write_all(&head).await,
    };
    if begun.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
