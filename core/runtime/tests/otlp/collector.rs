//! A collector: takes what is sent, and keeps it decoded.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Everything received so far.
#[derive(Default)]
pub struct Received {
    pub spans: Vec<Span>,
    /// The latest of each name.
    pub metrics: HashMap<String, Metric>,
    pub resource: Vec<KeyValue>,
    pub scopes: Vec<String>,
    /// Request lines and headers, in lower case.
    pub heads: Vec<Vec<String>>,
}

pub struct Collector {
    pub address: String,
    pub received: Arc<Mutex<Received>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Received>> = Arc::default();
        let into = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let into = Arc::clone(&into);
                std::thread::spawn(move || serve(&stream.unwrap(), &into));
            }
        });
        Self { address, received }
    }
}

fn serve(stream: &TcpStream, into: &Mutex<Received>) {
    let mut reader = BufReader::new(stream);
    loop {
        let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        if head.is_empty() {
            return;
        }
        let head: Vec<String> = head.iter().map(|line| line.to_lowercase()).collect();
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        into.lock().unwrap().take(head, &body);
        (&*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

impl Received {
    fn take(&mut self, head: Vec<String>, body: &[u8]) {
        match head[0].as_str() {
            "post /v1/traces http/1.1" => {
                for resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                    self.resource = resource.resource.unwrap().attributes;
                    for scope in resource.scope_spans {
                        self.scopes.push(scope.scope.unwrap().name);
                        self.spans.extend(scope.spans);
                    }
                }
            }
            "post /v1/metrics http/1.1" => {
                for resource in ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics {
                    self.resource = resource.resource.unwrap().attributes;
                    for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                        self.metrics.insert(metric.name.clone(), metric);
                    }
                }
            }
            other => panic!("{other}"),
        }
        self.heads.push(head);
    }
}

/// An attribute's value as text.
pub fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

pub fn attributes(of: &[KeyValue]) -> Vec<(String, String)> {
    let mut all: Vec<_> = of.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect();
    all.sort();
    all
}

pub fn attribute(of: &[KeyValue], key: &str) -> Option<String> {
    of.iter().find(|pair| pair.key == key).map(|pair| text(pair.value.as_ref()))
}
