"""Where a request comes from, and what a web browser says of who made it send it."""

import ipaddress

from starlette.requests import Request

FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN = "unknown"


def client_of(request: Request) -> str:
    """Return the address of the client: the one that a trusted proxy names, if there is one."""
    return request.client.host if request.client else UNKNOWN


def is_loopback(address: str) -> bool:
    """Tell whether only programs of this machine can have, or reach, the address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def is_from_this_machine(request: Request) -> bool:
    """Tell whether the request began on this machine, as far as can be told.

    A proxy on this machine that is not trusted hides where requests come from; it betrays itself
    by its headers. A name with a dot as host is one that somebody else's DNS may have led here.
    """
    if not is_loopback(client_of(request)):
        return False
    direct = request.client is not None and request.scope["state"].get("peer") == client_of(request)
    if direct and any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    return _is_own_name(request.headers.get("host", ""))


def _is_own_name(host: str) -> bool:
    name = host.rpartition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    if "." not in name or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_sent_by_another_site(request: Request) -> bool:
    """Tell whether a browser sends a request that changes things for a page of another site.

    It would send the user's password along, or reach a service that is open to this machine.
    """
    site = request.headers.get("sec-fetch-site", "")
    return site in ("cross-site", "same-site") and request.method not in SAFE_METHODS
