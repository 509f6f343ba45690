//! The price of an instance on demand, from AWS's price list. Its SDK would take room for one call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_ec2::types::{Instance, Tenancy};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::signature::{client, sign};
use crate::instance::{Dollars, InstanceId};

/// The deadline for a price: nobody waits long for it, and a machine in a private network may not reach the list at all.
const DEADLINE: Duration = Duration::from_secs(3);

/// The price list of every region is served from this one.
const REGION: &str = "us-east-1";
const ENDPOINT: &str = "https://api.pricing.us-east-1.amazonaws.com";

const ACTION: &str = "AWSPriceListService.GetProducts";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The facts that a price depends on, beside the region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Billing {
    instance_type: String,
    /// The operation that is billed, which stands for the operating system and its licence.
    operation: String,
    tenancy: &'static str,
}

impl Billing {
    /// `None` where it is not billed on demand.
    fn of(instance: &Instance) -> Option<Self> {
        let tenancy = match instance.placement()?.tenancy() {
            None | Some(Tenancy::Default) => "Shared",
            Some(Tenancy::Dedicated) => "Dedicated",
            Some(_) => return None,
        };
        // Spot instances and capacity blocks.
        if instance.instance_lifecycle().is_some() {
            return None;
        }
        Some(Self {
            instance_type: instance.instance_type()?.as_str().to_owned(),
            operation: instance.usage_operation()?.to_owned(),
            tenancy,
        })
    }
}

/// The prices of the instances of an account in a region.
#[derive(Debug)]
pub(super) struct Prices {
    region: String,
    /// The address in the place of AWS's own.
    endpoint: Option<String>,
    credentials: SharedCredentialsProvider,
    billed: RefCell<BTreeMap<InstanceId, Billing>>,
    /// The answers so far; held by whoever asks, so that nothing is asked twice.
    known: Mutex<BTreeMap<Billing, Option<Dollars>>>,
}

impl Prices {
    pub(super) fn new(
        region: String,
        endpoint: Option<String>,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        Self {
            region,
            endpoint,
            credentials,
            billed: RefCell::default(),
            known: Mutex::default(),
        }
    }

    /// Notes what EC2 tells of an instance, so that its price can be asked for.
    pub(super) fn note(&self, instance: &Instance) {
        if let (Some(id), Some(billing)) = (instance.instance_id(), Billing::of(instance)) {
            let id = InstanceId::new(id);
            self.billed.borrow_mut().insert(id, billing);
        }
    }

    /// The price of an hour of an instance that EC2 has told of; `None` where the list has none, or cannot be read.
    pub(super) async fn price(&self, id: &InstanceId) -> Option<Dollars> {
        let billing = self.billed.borrow().get(id).cloned()?;
        let mut known = self.known.lock().await;
        if let Some(price) = known.get(&billing) {
            return *price;
        }
        let price = match timeout(DEADLINE, self.ask(&billing)).await {
            Ok(Ok(answer)) => price_in(&answer),
            Ok(Err(error)) => {
                tracing::debug!(error, "the price list cannot be read");
                None
            }
            Err(_) => {
                tracing::debug!("the price list did not answer in time");
                None
            }
        };
        known.insert(billing, price);
        price
    }

    async fn ask(&self, billing: &Billing) -> Result<Value, Box<dyn Error>> {
        let filters = [
            ("regionCode", self.region.as_str()),
            ("instanceType", &billing.instance_type),
            ("operation", &billing.operation),
            ("tenancy", billing.tenancy),
            ("capacitystatus", "Used"),
        ];
        let filters = filters
            .map(|(field, value)| json!({"Type": "TERM_MATCH", "Field": field, "Value": value}));
        let body =
            json!({"ServiceCode": "AmazonEC2", "FormatVersion": "aws_v1", "Filters": filters});
        let body = body.to_string();
        let url = self.endpoint.as_deref().unwrap_or(ENDPOINT);
        let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", ACTION)];
        let body_to_sign = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new("POST", url, headers.into_iter(), body_to_sign)?;
        let credentials = self.credentials.provide_credentials().await?;
        let settings = SigningSettings::default();
        let signed = sign(request, &credentials, REGION, "pricing", settings)?;
        let mut sending = client()?.post(url).body(body.clone());
        for (name, value) in headers.into_iter().chain(signed.headers()) {
            sending = sending.header(name, value);
        }
        let answer = sending.send().await?;
        tracing::debug!(
            operation = ACTION,
            status = answer.status().as_u16(),
            "AWS answered"
        );
        Ok(answer.error_for_status()?.json().await?)
    }
}

/// The price of an hour in an answer, where it has exactly one.
fn price_in(answer: &Value) -> Option<Dollars> {
    let members = |value: &Value, name: &str| -> Vec<Value> {
        let members = value.get(name).and_then(Value::as_object);
        members
            .into_iter()
            .flatten()
            .map(|(_, member)| member.clone())
            .collect()
    };
    let products = answer.get("PriceList")?.as_array()?.iter();
    let products = products.filter_map(|product| serde_json::from_str(product.as_str()?).ok());
    let mut prices: Vec<Dollars> = products
        .flat_map(|product: Value| {
            members(product.get("terms").unwrap_or(&Value::Null), "OnDemand")
        })
        .flat_map(|term| members(&term, "priceDimensions"))
        .filter(|dimension| dimension.get("unit").and_then(Value::as_str) == Some("Hrs"))
        .filter_map(|dimension| Dollars::parse(dimension.pointer("/pricePerUnit/USD")?.as_str()?))
        .collect();
    prices.dedup();
    match prices.as_slice() {
        [price] => Some(*price),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(unit: &str, price: &str) -> String {
        let dimension = json!({"unit": unit, "pricePerUnit": {"USD": price}});
        let term = json!({"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}});
        json!({"product": {}, "terms": {"OnDemand": {"SKU.JRTCKXETXF": term}, "Reserved": {}}})
            .to_string()
    }

    #[test]
    fn a_price_is_known_where_the_list_has_exactly_one() {
        let price = |products: &[String]| price_in(&json!({"PriceList": products}));
        let [hour, free, other] =
            ["0.0892500000", "0.0000000000", "0.2"].map(|price| product("Hrs", price));
        let known = Dollars::parse("0.08925");
        assert_eq!(price(std::slice::from_ref(&hour)), known);
        assert_eq!(
            price(&[free.clone(), hour.clone(), product("Quantity", "7")]),
            known
        );
        assert_eq!(price(&[hour, other]), None);
        assert_eq!(price(&[free]), None);
        assert_eq!(price(&["{".into()]), None);
        assert_eq!(price_in(&json!({"__type": "AccessDeniedException"})), None);
    }
}
