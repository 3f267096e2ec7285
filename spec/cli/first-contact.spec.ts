/** Goal: who does not speak DynamoDB is told from a store that is slow, and is not asked again and again. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { typed } from '../support/typed.js';

const get = ['atom', 'get', 'k', '--table', 'state'];

describe('an address at which nobody answers', () => {
  const sockets: Socket[] = [];
  const listeners: Server[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const listener of listeners.splice(0)) listener.close();
  });
  async function listen(take: (socket: Socket) => void): Promise<string> {
    const listener = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      take(socket);
    });
    listeners.push(listener);
    await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
    return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  }

  it.each([
    ['that says nothing', 'http', () => {}, 'what listens there does not answer'],
    ['that closes every connection', 'http', (socket: Socket) => socket.destroy(), 'closes the connection'],
    ['that speaks something else', 'http', (socket: Socket) => socket.end('SSH-2.0\r\n'), 'is no DynamoDB'],
    ['that speaks no TLS', 'https', (socket: Socket) => socket.end('HTTP/1.1 400 no\r\n\r\n'), 'does not speak TLS'],
  ])('%s is told at once, and not tried again', async (_what, scheme, take, reason) => {
    const url = `${scheme}://${await listen(take)}`;
    // Whoever would try again would do it for an hour.
    const { code, stderr } = await typed([...get, '--endpoint-url', url, '--timeout', '1h', '--json']);
    const { error } = JSON.parse(stderr);
    expect([code, error.code, error.message]).toEqual([1, 'ERR_UNREACHABLE', expect.stringContaining(reason)]);
  });

  it('a request but a greeting is a slow store, and is waited for', async () => {
    let asked = 0;
    const store = createHttpServer((request, response) => {
      asked += request.method === 'POST' ? 1 : 0;
      if (request.method === 'POST' && asked === 1) return;
      const body = { __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException', message: 'no table' };
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
    });
    const url = `http://${await listen((socket) => store.emit('connection', socket))}`;
    expect((await typed([...get, '--endpoint-url', url])).stderr).toContain('does not exist here');
    expect(asked).toBe(2);
  });
});
