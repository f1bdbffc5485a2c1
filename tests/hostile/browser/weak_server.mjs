// A server that trusts everybody: what the attacks of browser.mjs can do where nobody stops them.
import crypto from 'node:crypto';
import http from 'node:http';

const kWebSocketId = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function startWeakServer() {
  const changes = [];
  const server = http.createServer((request, response) => {
    const path = request.url.split('?')[0];
    const headers = {
      'Access-Control-Allow-Origin': request.headers.origin ?? '*',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Methods': 'GET, PUT, POST',
      'Access-Control-Allow-Headers': 'content-type, if-match',
    };
    const types = { '/docs': 'text/html', '/api/v1/events/stream': 'text/event-stream' };
    headers['Content-Type'] = types[path] ?? 'text/javascript';
    if (request.method === 'OPTIONS') {
      response.writeHead(204, headers).end();
      return;
    }
    if (request.method !== 'GET') changes.push(`${request.method} ${request.url}`);
    response.writeHead(200, headers);
    if (path === '/api/v1/events/stream') response.write('event: heartbeat\ndata: {}\n\n');
    else response.end(path === '/docs' ? '<title>Weak</title>' : '[]');
  });
  server.on('upgrade', (request, socket) => {
    const accept = crypto.createHash('sha1').update(request.headers['sec-websocket-key'] + kWebSocketId).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done({ server, port: server.address().port, changes })));
}
