/** ListObjectsV2: pages of at most 1,000, in the order of UTF-8 bytes; what shares a prefix up to the delimiter is one line. */
import { Refusal } from './refusal.js';
import type { StoredObjects } from './stored-objects.js';
import { document } from './xml.js';

const pageMax = 1_000;

function isAfter(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0;
}

/** The XML of one page. */
export function listingOf(bucket: string, objects: StoredObjects, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after') ?? '';
  const wanted = Number(query.get('max-keys') ?? pageMax);
  if (!Number.isInteger(wanted) || wanted < 0) throw new Refusal('InvalidArgument', 'max-keys');
  const max = Math.min(wanted, pageMax);
  // Goes before start-after; the last line of the page before.
  const lineBefore = token === null ? undefined : Buffer.from(token, 'base64url').toString();
  const write = query.get('encoding-type') === 'url' ? encodeURIComponent : (text: string) => text;

  const contents: string[] = [];
  const common: string[] = [];
  let last = '';
  let more = false;
  for (const key of objects.keys()) {
    if (!key.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const line = cut < 0 ? key : key.slice(0, cut + delimiter.length);
    if (line === common.at(-1)) continue;
    if (lineBefore === undefined ? !isAfter(key, startAfter) : !isAfter(line, lineBefore)) continue;
    if (contents.length + common.length === max) {
      more = max > 0;
      break;
    }
    (cut < 0 ? contents : common).push(line);
    last = line;
  }

  return document('ListBucketResult', {
    Name: bucket,
    Prefix: write(prefix),
    Delimiter: delimiter === '' ? undefined : write(delimiter),
    StartAfter: startAfter === '' ? undefined : write(startAfter),
    ContinuationToken: token ?? undefined,
    NextContinuationToken: more ? Buffer.from(last).toString('base64url') : undefined,
    KeyCount: contents.length + common.length,
    MaxKeys: max,
    EncodingType: query.get('encoding-type') ?? undefined,
    IsTruncated: more,
    Contents: contents.map((key) => {
      const object = objects.get(key);
      return {
        Key: write(key),
        LastModified: object?.modified.toISOString(),
        ETag: object?.etag,
        Size: object?.body.length,
        StorageClass: 'STANDARD',
      };
    }),
    CommonPrefixes: common.map((one) => ({ Prefix: write(one) })),
  });
}
