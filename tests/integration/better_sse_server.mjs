// A service on node:http and better-sse: GET /sse subscribes to one channel, POST
// /broadcast?count=N sends N events to all subscribers, GET /sessions tells how many there are.
// Prints its port when it is ready.
import http from "node:http";
import betterSse from "better-sse"; // a CommonJS module: it has no named exports

const { createChannel, createSession } = betterSse;
const channel = createChannel();

async function answer(request, response) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/sse") {
    const session = await createSession(request, response, { retry: 500, keepAlive: 1000 });
    channel.register(session);
  } else if (url.pathname === "/broadcast") {
    for (let number = 1; number <= Number(url.searchParams.get("count")); number++)
      channel.broadcast({ number, text: "grüße" }, "tick", { eventId: String(number) });
    response.end("sent\n");
  } else if (url.pathname === "/sessions") {
    response.end(String(channel.sessionCount));
  } else {
    response.writeHead(404).end();
  }
}

const server = http.createServer(answer);
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
