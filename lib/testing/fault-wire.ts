/**
 * Requests read whole and answers written whole, or badly on purpose: what a fault proxy does with one connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WireAnswer } from './fault-answers.js';
import type { FaultKind } from './fault-rules.js';
import { s3OperationOf } from './s3-operation.js';

/** A request, read whole. */
export interface Received {
  /** By the `X-Amz-Target` header, or of S3, which has none, by method and path. */
  readonly operation: string;
  readonly isS3: boolean;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** All bytes of a message. */
export async function whole(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** Reads a request to its end. Rejects when the client leaves before. */
export async function receive(req: IncomingMessage): Promise<Received> {
  const { method = 'POST', url = '/' } = req;
  const target = String(req.headers['x-amz-target'] ?? '');
  // Clients of S3 say what they hash, or that they do not.
  const isS3 = target === '' && req.headers['x-amz-content-sha256'] !== undefined;
  return {
    operation: isS3 ? (s3OperationOf(method, url).operation ?? '') : target.slice(target.indexOf('.') + 1),
    ...{ isS3, method, url },
    headers: req.rawHeaders,
    body: await whole(req),
  };
}

/** Headers that belong to one connection and are not handed on. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Raw headers without those of one connection. */
export function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!hopByHop.has(String(raw[i]).toLowerCase())) kept.push(String(raw[i]), String(raw[i + 1]));
  }
  return kept;
}

/** Writes the head as it came; a date of ours only where the answer has none. */
function head(res: ServerResponse, answer: WireAnswer): void {
  res.sendDate = !answer.headers.some((word) => word.toLowerCase() === 'date');
  res.writeHead(answer.status, answer.headers as string[]);
}

/** The answer, byte for byte. */
export function reply(res: ServerResponse, answer: WireAnswer): void {
  head(res, answer);
  res.end(answer.body);
}

/** Ends without an answer: RST, FIN, or nothing at all. */
export function lose(res: ServerResponse, kind: FaultKind): void {
  if (kind.startsWith('reset')) res.socket?.resetAndDestroy();
  else if (kind.startsWith('close')) res.socket?.destroySoon();
}

/** The head and half of the body, then FIN. */
export function cut(res: ServerResponse, answer: WireAnswer): void {
  const { socket } = res;
  head(res, answer);
  res.flushHeaders();
  res.write(answer.body.subarray(0, answer.body.length >> 1), () => socket?.destroySoon());
}

/** Bytes of which one is another. `coin`: which one. */
export function altered(body: Buffer, coin: number): Buffer {
  const copy = Buffer.from(body);
  const at = Math.floor(coin * copy.length);
  if (copy.length > 0) copy[at] = (copy[at] as number) ^ 0x01;
  return copy;
}

/** Half of the body, and the length that fits it. */
export function shortened(answer: WireAnswer): WireAnswer {
  const body = answer.body.subarray(0, answer.body.length >> 1);
  const headers = answer.headers.map((word, index) =>
    index % 2 === 1 && answer.headers[index - 1]?.toLowerCase() === 'content-length' ? String(body.length) : word,
  );
  return { ...answer, headers, body };
}
