# mypy: disable-error-code="override"
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from http.cookiejar import CookieJar
from typing import Any, Literal, Optional, Union, overload

import requests
from locust.http_sse import Audit, Event, EventSource, Until

Timeout = Union[float, tuple[Optional[float], Optional[float]], None]
Params = Union[Mapping[str, Any], Iterable[tuple[str, Any]], str, bytes, None]
Auth = Union[tuple[str, str], Callable[[Any], Any], None]

class LocustResponse(requests.Response):
    @property
    def error(self) -> Optional[BaseException]: ...
    def iter_events(self) -> Iterator[Event]: ...
    @property
    def audit(self) -> Optional[Audit]: ...
    def success(self) -> None: ...
    def failure(self, exc: object = None) -> None: ...

class ResponseContextManager(LocustResponse):
    @property
    def request_meta(self) -> dict[str, Any]: ...
    def __enter__(self) -> ResponseContextManager: ...
    def success(self) -> None: ...
    def failure(self, exc: object) -> None: ...

class HttpSession(requests.Session):
    base_url: str
    request_event: Any
    user: Any
    request_name: Optional[str]
    def __init__(self, base_url: str, request_event: Any, user: Any, *,
                 pool_manager: object = None) -> None: ...
    def rename_request(self, name: str) -> AbstractContextManager[None]: ...
    def sse(self, url: str, *, until: Until = None, timeout: Timeout = None,
            reconnect: Union[bool, int] = False, last_event_id: Optional[str] = None,
            headers: Optional[Mapping[str, str]] = None, name: Optional[str] = None,
            duration: Optional[float] = None, method: str = "GET",
            **kwargs: Any) -> EventSource: ...
    @overload
    def request(self, method: str, url: str, name: Optional[str] = None, *,
                catch_response: Literal[True], context: Optional[dict[str, Any]] = None,
                stream: Optional[bool] = None, hooks: Optional[Mapping[str, Any]] = None,
                params: Params = None, data: Any = None, json: Any = None,
                headers: Optional[Mapping[str, Optional[str]]] = None,
                cookies: Union[Mapping[str, str], CookieJar, None] = None, files: Any = None,
                auth: Auth = None, timeout: Timeout = None, allow_redirects: bool = True,
                proxies: None = None, verify: Union[bool, str, None] = None,
                cert: Union[str, tuple[str, str], None] = None) -> ResponseContextManager: ...
    @overload
    def request(self, method: str, url: str, name: Optional[str] = None,
                catch_response: Literal[False] = False,
                context: Optional[dict[str, Any]] = None, *,
                stream: Optional[bool] = None, hooks: Optional[Mapping[str, Any]] = None,
                params: Params = None, data: Any = None, json: Any = None,
                headers: Optional[Mapping[str, Optional[str]]] = None,
                cookies: Union[Mapping[str, str], CookieJar, None] = None, files: Any = None,
                auth: Auth = None, timeout: Timeout = None, allow_redirects: bool = True,
                proxies: None = None, verify: Union[bool, str, None] = None,
                cert: Union[str, tuple[str, str], None] = None) -> LocustResponse: ...
    # What kwargs may be is said by request(). Inside a with block for catch_response the result is
    # a ResponseContextManager; its methods are those of the type given here, and more.
    def get(self, url: str, **kwargs: Any) -> ResponseContextManager: ...
    def options(self, url: str, **kwargs: Any) -> ResponseContextManager: ...
    def head(self, url: str, **kwargs: Any) -> ResponseContextManager: ...
    def post(self, url: str, data: Any = None, json: Any = None,
             **kwargs: Any) -> ResponseContextManager: ...
    def put(self, url: str, data: Any = None,
            **kwargs: Any) -> ResponseContextManager: ...
    def patch(self, url: str, data: Any = None,
              **kwargs: Any) -> ResponseContextManager: ...
    def delete(self, url: str, **kwargs: Any) -> ResponseContextManager: ...
