"""AWS's price list, which moto does not have: GetProducts, for the instances that the tests launch."""

import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "test"  # both halves of the key that the tests use
TARGET = "AWSPriceListService.GetProducts"
OPERATION = "RunInstances"  # Linux without a licence
PRICES = {("us-east-1", "m1.small", OPERATION, "Shared"): "0.0440000000"}


def answer(environ, body):
    """Status and content of what the price list says to a request."""
    if not is_signed(environ, body):
        return 400, {"__type": "InvalidSignatureException"}
    request = json.loads(body)
    fields = {each["Field"]: each["Value"] for each in request["Filters"]}
    price = PRICES.get(tuple(fields[name] for name in ("regionCode", "instanceType", "operation", "tenancy")))
    return 200, {"FormatVersion": "aws_v1", "PriceList": [product(fields, price)] if price else []}


def product(attributes, price):
    sku, term, rate = "9ACF3S4VRZ2QKGJT", "JRTCKXETXF", "6YS6EN2CT7"
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}}
    on_demand = {f"{sku}.{term}": {"sku": sku, "priceDimensions": {f"{sku}.{term}.{rate}": dimension}}}
    return json.dumps({"product": {"sku": sku, "attributes": attributes}, "serviceCode": "AmazonEC2",
                       "terms": {"OnDemand": on_demand}})


def is_signed(environ, body):
    """Whether the signature is the one that botocore makes; that of another key is believed."""
    parts = dict(part.split("=", 1) for part in environ["HTTP_AUTHORIZATION"].split(" ", 1)[1].split(", "))
    key, _date, region, service, _ = parts["Credential"].split("/")
    if key != KEY:
        return True
    if (region, service) != ("us-east-1", "pricing"):
        return False
    given = {"content-type": environ["CONTENT_TYPE"], "host": environ["HTTP_HOST"]}
    headers = {name: given.get(name) or environ["HTTP_" + name.replace("-", "_").upper()]
               for name in parts["SignedHeaders"].split(";")}
    request = AWSRequest("POST", f"http://{environ['HTTP_HOST']}{environ['RAW_URI']}", headers=headers, data=body)
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    auth = SigV4Auth(Credentials(KEY, KEY), service, region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request) == parts["Signature"]
