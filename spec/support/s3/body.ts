/**
 * Bodies as the SDK sends them: plain, or in aws-chunked frames with checksums behind them; and whether they are what was sent.
 *
 *   <hex size>[;chunk-signature=…]\r\n <bytes> \r\n … 0[;…]\r\n x-amz-checksum-crc32:…\r\n \r\n
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { Refusal } from './refusal.js';

const fourBytes = (sum: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString('base64');
};

/** By the end of the header's name. CRC64NVME is not among them: nothing here computes it. */
const algorithms: Readonly<Record<string, (body: Buffer) => string>> = {
  crc32: (body) => fourBytes(crc32(body)),
  crc32c: (body) => fourBytes(crc32c(body)),
  sha1: (body) => createHash('sha1').update(body).digest('base64'),
  sha256: (body) => createHash('sha256').update(body).digest('base64'),
};

const prefix = 'x-amz-checksum-';

/** A body that has passed all its checks. */
export interface CheckedBody {
  readonly body: Buffer;
  /** The checksum that came with it, as a header; empty without one. */
  readonly checksum: Readonly<Record<string, string>>;
}

/** Reads the body out of its frames and checks all that was said of it. */
export function checkedBody(headers: IncomingHttpHeaders, raw: Buffer): CheckedBody {
  const { body, trailers } = isChunked(headers) ? unchunked(headers, raw) : { body: raw, trailers: {} };
  const said: Readonly<Record<string, unknown>> = { ...headers, ...trailers };
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) throw new Refusal('BadDigest');
  const sha256 = headers['x-amz-content-sha256'];
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)) {
    if (sha256 !== createHash('sha256').update(body).digest('hex')) throw new Refusal('XAmzContentSHA256Mismatch');
  }
  const checksum: Record<string, string> = {};
  for (const [name, value] of Object.entries(said)) {
    if (!name.startsWith(prefix) || name === `${prefix}mode` || name === `${prefix}type`) continue;
    const algorithm = name.slice(prefix.length);
    const sum = algorithms[algorithm]?.(body);
    if (sum === undefined) throw new Refusal('NotImplemented', `checksum ${algorithm}`);
    if (sum !== value) throw new Refusal('BadDigest', `The ${algorithm.toUpperCase()} you specified did not match`);
    checksum[name] = sum;
  }
  return { body, checksum };
}

function isChunked(headers: IncomingHttpHeaders): boolean {
  const encodings = String(headers['content-encoding'] ?? '');
  return encodings.includes('aws-chunked') || String(headers['x-amz-content-sha256']).startsWith('STREAMING-');
}

function unchunked(headers: IncomingHttpHeaders, raw: Buffer) {
  const chunks: Buffer[] = [];
  let at = 0;
  const line = (): string => {
    const end = raw.indexOf('\r\n', at);
    if (end < 0) throw new Refusal('IncompleteBody');
    const text = raw.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const size = Number.parseInt(line(), 16);
    if (Number.isNaN(size)) throw new Refusal('InvalidRequest', 'a chunk without its size');
    if (size === 0) break;
    if (at + size + 2 > raw.length) throw new Refusal('IncompleteBody');
    chunks.push(raw.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: Record<string, string> = {};
  while (at < raw.length) {
    const text = line();
    if (text === '') continue;
    const colon = text.indexOf(':');
    trailers[text.slice(0, colon).toLowerCase()] = text.slice(colon + 1).trim();
  }
  const body = Buffer.concat(chunks);
  const length = headers['x-amz-decoded-content-length'];
  if (length !== undefined && Number(length) !== body.length) throw new Refusal('IncompleteBody');
  const promised = String(headers['x-amz-trailer'] ?? '').toLowerCase();
  if (promised !== '' && trailers[promised] === undefined)
    throw new Refusal('InvalidRequest', `no trailer ${promised}`);
  return { body, trailers };
}
