// A service on node:http and better-sse: GET /sse subscribes to one channel, and with Last-Event-ID
// brings first what came after that event; POST /broadcast?count=N sends N events to all
// subscribers, POST /drop cuts the connections of all of them, GET /sessions tells how many there
// are. Prints its port when it is ready.
import http from "node:http";
import betterSse from "better-sse"; // a CommonJS module: it has no named exports

const { createChannel, createSession } = betterSse;
const channel = createChannel();
const history = []; // event N at N - 1
const sockets = new Set(); // of subscribers

function send(session, event) {
  session.push(event, "tick", String(event.number));
}

async function subscribe(request, response) {
  const session = await createSession(request, response, { retry: 500, keepAlive: 1000 });
  if (session.lastId) history.slice(Number(session.lastId)).forEach((event) => send(session, event));
  channel.register(session);
  sockets.add(request.socket);
  request.socket.once("close", () => sockets.delete(request.socket));
}

function broadcast(count) {
  for (let i = 0; i < count; i++) {
    const event = { number: history.length + 1, text: "grüße" };
    history.push(event);
    channel.broadcast(event, "tick", { eventId: String(event.number) });
  }
}

async function answer(request, response) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/sse") {
    await subscribe(request, response);
  } else if (url.pathname === "/broadcast") {
    broadcast(Number(url.searchParams.get("count")));
    response.end("sent\n");
  } else if (url.pathname === "/drop") {
    response.end(String(sockets.size));
    sockets.forEach((socket) => socket.destroy());
  } else if (url.pathname === "/sessions") {
    response.end(String(channel.sessionCount));
  } else {
    response.writeHead(404).end();
  }
}

const server = http.createServer(answer);
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
