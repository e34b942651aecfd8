"""The network side: a CONNECT proxy that is every host of the cloud itself. Its `Front` decides which cloud."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading

from .ca import TestAuthority
from .errors import ApiError
from .faults import Fault, FaultBook
from .front import ApiCall, Front
from .http1 import BadRequest, Reader, Request, Response
from .recorder import Entry, Recorder

_BACKLOG = 1024
_CHUNK = 64 * 1024
_TARGET = re.compile(r"([^:\s]{1,253}):([0-9]{1,5})")


class _Cut(Exception):
    """The connection must end abruptly, without an answer."""


class ProxyServer:
    """Accepts CONNECT requests on a loopback port, one thread per connection."""

    def __init__(self, front: Front, authority: TestAuthority, recorder: Recorder,
                 faults: FaultBook) -> None:
        self._front = front
        self._authority = authority
        self._recorder = recorder
        self._faults = faults
        self._closing = False
        self._lock = threading.Lock()
        self._live: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._thread = threading.Thread(target=self._accept, name="fakecloud-accept", daemon=True)

    @property
    def port(self) -> int:
        """The proxy's port."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Begins to accept."""
        self._thread.start()

    def close(self) -> None:
        """Stops accepting and cuts what is open."""
        self._closing = True
        # Closing alone does not wake a blocked accept; shutting down does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        with self._lock:
            live = list(self._live)
        for sock in live:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its own thread was faster

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self._closing:
                    return
                continue
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self._live.add(sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connect(sock)
        except (OSError, BadRequest):
            pass  # the peer went away or talks nonsense: the journal shows how far it came
        finally:
            with self._lock:
                self._live.discard(sock)
            sock.close()

    # === CONNECT and TLS ===

    def _connect(self, sock: socket.socket) -> None:
        reader = Reader(sock)
        request = reader.request()
        if request is None:
            return
        if request.method != "CONNECT":
            self._refuse_plain(sock, request)
            return
        match = _TARGET.fullmatch(request.target)
        host, port = (match[1].lower(), int(match[2])) if match else (request.target, 0)
        refusal = None
        if not self._front.serves(host):
            refusal = "unknown host"
        elif port != 443:
            refusal = "port is not 443"
        elif reader.leftover:
            refusal = "bytes before the tunnel was there"
        entry = self._recorder.connection(host, port, refusal)
        if refusal is not None:
            sock.sendall(Response(502, refusal.encode(), "text/plain", close=True).encode())
            return
        try:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._tunnel(sock, host, entry)
        finally:
            self._recorder.disconnected(entry)

    def _refuse_plain(self, sock: socket.socket, request: Request) -> None:
        """HTTP without TLS, or a request that takes the proxy for a server."""
        host = (request.header("Host") or "").lower()
        entry = self._recorder.connection(host, 80, "plain HTTP")
        api = self._front.request(request, host)
        call = self._recorder.begin(entry, api)
        error = ApiError("InvalidProtocol.NeedSsl",
                         "Your request is denied as lack of ssl protect.")
        call.update(status=error.status, code=error.code)
        response = self._front.failure(api, self._front.new_request_id(), error)
        response.close = True
        try:
            sock.sendall(response.encode())
        finally:
            self._recorder.end(call)

    def _tunnel(self, sock: socket.socket, host: str, entry: Entry) -> None:
        def check_name(_tls: ssl.SSLObject, name: str | None) -> int | None:
            return None if (name or "").lower() == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context = self._authority.server_context(host, check_name)
        try:
            tls = context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self._recorder.update(entry, tls=f"failed: {error}")
            raise
        with self._lock:
            self._live.discard(sock)  # its descriptor moved into `tls`
            self._live.add(tls)
        try:
            self._recorder.update(entry, tls=tls.version())
            reader = Reader(tls)
            while (request := reader.request()) is not None:
                if not self._answer(tls, host, entry, request):
                    break
            _say_goodbye(tls)
        except _Cut:
            # Zero linger turns the close into a reset.
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            with self._lock:
                self._live.discard(tls)
            tls.close()

    # === one request ===

    def _answer(self, tls: ssl.SSLSocket, host: str, entry: Entry, http: Request) -> bool:
        """Answers one request; whether the connection goes on."""
        http.client = tls.getpeername()[0]
        request = self._front.request(http, host)
        request_id = self._front.new_request_id()
        refusal: ApiError | None = None
        try:
            request.understand()
        except ApiError as error:
            refusal = error
        call = self._recorder.begin(entry, request)
        call["request_id"] = request_id
        try:
            response = self._decide(tls, request, request_id, call, refusal)
            if response is not None:
                call["status"] = response.status
                response.close = response.close or not http.keep_alive
                # Before the bytes leave: whoever has the answer must find the call ended.
                self._recorder.end(call)
                tls.sendall(response.encode())
                return not response.close
            return False
        finally:
            if call["ended"] is None:
                self._recorder.end(call)

    def _decide(self, tls: ssl.SSLSocket, request: ApiCall, request_id: str, call: Entry,
                refusal: ApiError | None) -> Response | None:
        """The answer to send, or None when a fault has dealt with the connection."""
        fault = self._fault(request, call, before_auth=True)
        identity = None
        if fault is None and refusal is None:
            try:
                identity = self._front.authenticate(request)
                fault = self._fault(request, call, before_auth=False)
            except ApiError as error:
                refusal = error
        if fault is not None and fault.seconds:
            fault.pause(fault.seconds)
        if fault is not None and fault.kind == "cut_before":
            raise _Cut
        if fault is not None and fault.kind == "hang":
            fault.hang(tls)
            return None
        held = fault if fault is not None and fault.kind == "hold" else None
        if held is not None and not held.execute and not self._hold(tls, held, call):
            return None
        replaced = fault is not None and fault.kind in ("throttle", "error", "http")
        if fault is not None and replaced and not fault.execute:
            return self._fake(tls, fault, request, request_id, call)
        if refusal is None:
            try:
                if fault is not None and fault.before_auth:
                    identity = self._front.authenticate(request)
                answer = self._front.execute(request, identity)
                call["executed"] = True
                response = self._front.success(request, request_id, answer)
            except ApiError as error:
                refusal = error
        if refusal is not None:
            call["code"] = refusal.code
            response = self._front.failure(request, request_id, refusal)
        if held is not None and held.execute and not self._hold(tls, held, call):
            return None
        if fault is None or fault.kind in ("delay", "hold"):
            return response
        if fault.kind == "cut_after":
            raise _Cut
        if fault.kind == "slow_body":
            self._drip(tls, fault, response, call)
            return None
        return self._fake(tls, fault, request, request_id, call)

    def _hold(self, tls: ssl.SSLSocket, fault: Fault, call: Entry) -> bool:
        """Stops a call where it is; whether it may go on."""
        self._recorder.update(call, held=True)
        try:
            return fault.hang(tls)
        finally:
            self._recorder.update(call, held=False)

    def _fault(self, request: ApiCall, call: Entry, *, before_auth: bool) -> Fault | None:
        fault = self._faults.take(call["id"], request.host, request.action, request.params,
                                  request.access_key_id, self._front.subjects(request), before_auth=before_auth)
        if fault is not None:
            call["fault"] = {"id": fault.id, "kind": fault.kind}
        return fault

    def _fake(self, tls: ssl.SSLSocket, fault: Fault, request: ApiCall, request_id: str,
              call: Entry) -> Response | None:
        """The made-up answer of a throttle, error or http fault."""
        extra = list(fault.headers.items())
        if fault.kind == "http":
            response = Response(fault.status or 502, fault.body.encode(), fault.content_type,
                                extra, declared_length=fault.declared_length)
            if fault.body_mib:
                self._flood(tls, fault, response, call)
                return None
            if fault.declared_length is not None:
                response.close = True  # the next answer could not be told from this one's rest
            return response
        default = (self._front.throttled, 400) if fault.kind == "throttle" else ("InternalError", 500)
        error = ApiError(fault.code or default[0], fault.message,
                         status=fault.status or default[1])
        call["code"] = error.code
        response = self._front.failure(request, request_id, error)
        # What is made up has the date that the fault says, or none.
        response.headers = [header for header in response.headers if header[0] != "Date"] + extra
        if fault.retry_after_ms is not None:
            response.headers.append(("x-acs-retry-after", str(fault.retry_after_ms)))
        return response

    @staticmethod
    def _drip(tls: ssl.SSLSocket, fault: Fault, response: Response, call: Entry) -> None:
        """The head at once, then the body a few bytes at a time, then the end."""
        response.close = True
        call["status"] = response.status
        tls.sendall(response.head())
        for start in range(0, len(response.body), fault.chunk):
            fault.pause(fault.interval)
            tls.sendall(response.body[start:start + fault.chunk])

    @staticmethod
    def _flood(tls: ssl.SSLSocket, fault: Fault, response: Response, call: Entry) -> None:
        """A body too large to build in memory; `body` goes first, spaces fill up the rest."""
        size = max(int(fault.body_mib * 1024 * 1024), len(response.body))
        response.declared_length = size
        response.close = True
        call["status"] = response.status
        tls.sendall(response.encode())
        left = size - len(response.body)
        while left > 0:
            tls.sendall(b" " * min(left, _CHUNK))
            left -= _CHUNK


def _say_goodbye(tls: ssl.SSLSocket) -> None:
    """Sends close_notify without waiting for the peer's: some clients take an end without one for
    a truncation attack."""
    tls.setblocking(False)
    try:
        tls.unwrap()
    except (OSError, ValueError):
        pass  # the peer has not answered yet, or is gone
