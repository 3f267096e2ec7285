/**
 * As much of S3 as a conditional write needs: GET and PUT of small objects in memory, If-Match and If-None-Match judged in the same step
 * as the write. As in S3, the ETag of an object is made of its body alone: metadata do not change it.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface S3StandIn {
  readonly endpoint: string;
  /** Runs before a PUT is judged: for what happens between a writer's look and its write. */
  beforePut: (() => Promise<unknown>) | undefined;
  close(): Promise<void>;
}

export async function startS3StandIn(): Promise<S3StandIn> {
  const objects = new Map<string, StoredObject>();
  const server = createServer((request, response) => {
    void answer(request, response).catch((error) => refuse(response, 500, String(error)));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const key = new URL(request.url ?? '', 'http://s3').pathname;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'PUT') {
      const before = standIn.beforePut;
      standIn.beforePut = undefined;
      await before?.();
      const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const found = objects.get(key);
      if (ifMatch !== undefined && found === undefined) return refuse(response, 404, 'NoSuchKey');
      if (ifMatch !== undefined && found?.etag !== ifMatch) return refuse(response, 412, 'PreconditionFailed');
      if (ifNoneMatch !== undefined && found !== undefined) return refuse(response, 412, 'PreconditionFailed');
      const body = Buffer.concat(chunks);
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      const metadata = Object.entries(request.headers).filter(([name]) => name.startsWith('x-amz-meta-'));
      objects.set(key, { body, etag, metadata: Object.fromEntries(metadata) as Record<string, string> });
      response.writeHead(200, { etag }).end();
      return;
    }
    const found = objects.get(key);
    if (found === undefined) return refuse(response, 404, 'NoSuchKey');
    response.writeHead(200, { etag: found.etag, ...found.metadata, 'content-length': found.body.length });
    response.end(request.method === 'HEAD' ? undefined : found.body);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const standIn: S3StandIn = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    beforePut: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return standIn;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}
