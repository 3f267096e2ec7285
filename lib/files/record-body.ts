/** The body of a record as a commit: at once where nothing was sealed, since recovery reads millions. */
import { type DecodedCommit, decodeCommit } from './commit-record.js';
import { type BodySeal, openBody } from './sealing.js';

const plainBegins = '['.charCodeAt(0);

/** @param place of the commit that must be in it */
export function decodeBody(seal: BodySeal, body: Buffer, place: number): DecodedCommit | Promise<DecodedCommit> {
  const { codec } = seal;
  if (body[0] === plainBegins && (codec === undefined || codec.acceptsUnsealed === true)) {
    return decodeCommit(body.toString());
  }
  return opened(seal, body, place);
}

async function opened(seal: BodySeal, body: Buffer, place: number): Promise<DecodedCommit> {
  const plain = await openBody(seal, body, place);
  return decodeCommit(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString());
}
