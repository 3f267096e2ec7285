/**
 * Whether a bucket knows conditional writes, found out with an object that is nobody's: some services refuse the conditions, and some
 * take no notice of them, which would lose events without a word.
 *
 *   PUT if nothing is there ─► PUT if nothing is there   must fail    ─► 4 PUTs at once if it is this one ─► DELETE
 *                              PUT if it is another one  must fail         one must succeed and tell another ETag,
 *                              GET                       must be what was put      and no other one
 *
 * Writes at once find out services that look first and write then, without a lock between. That is a matter of luck, so a service that
 * passes is not proven to be one; but one that fails would have lost events, and the writes cost no time.
 */
import { randomUUID } from 'node:crypto';
import type { Bucket, Found, PutCondition, PutOutcome, S3ClientLike } from './bucket.js';
import { BucketError } from './errors.js';
import { obstacle, reading } from './insisting.js';
import { calledOffTogether } from './own-signal.js';
import { type Effort, limited, Passing, persist, type Sources } from './patience.js';

/** Of one length: an ETag that is made of size and time would not tell them apart. */
const contents = { first: Buffer.from('before'), second: Buffer.from('behind') };
const rivals = ['rival1', 'rival2', 'rival3', 'rival4'].map((text) => Buffer.from(text));
/** One small request. */
const attemptMs = 10_000;
/** The ETag of nothing: MD5 of no bytes. */
const foreignEtag = '"d41d8cd98f00b204e9800998ecf8427e"';

/** Buckets that have passed or are being asked, by the client that they are reached with. */
const asked = new WeakMap<S3ClientLike, Map<string, Promise<void>>>();

/**
 * Resolves when the bucket is known to keep writers apart. Asked once per client and bucket.
 *
 * @throws {BucketError} `ERR_BUCKET`
 */
export function probeOnce(client: S3ClientLike, bucket: Bucket, prefix: string, sources: Sources): Promise<void> {
  const known = asked.get(client) ?? new Map<string, Promise<void>>();
  asked.set(client, known);
  const before = known.get(bucket.name);
  if (before !== undefined) return before;
  // What met a passing trouble proves nothing: another object, another probe.
  const newKey = () => `${prefix}/probe/${randomUUID()}`;
  const effort: Effort = { bucket: bucket.name, sources, signal: undefined };
  const probing = persist(effort, (signal) => probe(bucket, newKey(), { ...effort, signal, attemptMs }));
  known.set(bucket.name, probing);
  // What failed may be mended: the next one asks again.
  probing.catch(() => known.delete(bucket.name));
  return probing;
}

/** `step`: how each of its requests is made. */
async function probe(bucket: Bucket, key: string, step: Effort): Promise<void> {
  try {
    await calledOffTogether(step.signal, (signal) => probeWith(bucket, key, { ...step, signal }));
  } finally {
    // Garbage at worst; and no reason to wait for ever.
    await limited(step.sources.clock, attemptMs, undefined, (limit) => bucket.delete(key, { signal: limit }));
  }
}

async function probeWith(bucket: Bucket, key: string, step: Effort): Promise<void> {
  // What was not done for certain is asked for again here: with a probe anew each time, few would come to their end on a bad line.
  const put = (content: Uint8Array, on: PutCondition) =>
    persist(step, async (signal) => {
      const outcome = await bucket.put(key, content, on, { signal });
      if (outcome.status === 'not-applied') throw obstacle(outcome);
      return outcome;
    });
  const find = (): Promise<Found | undefined> => reading(step, (signal) => bucket.get(key, { signal }));
  const ignores = (what: string) => new BucketError(bucket.name, 'no-conditional-writes', what);
  const created = await put(contents.first, 'absent');
  const etag = requireStored(created);
  const [again, stale] = await Promise.all([
    put(contents.second, 'absent'),
    put(contents.second, { etag: foreignEtag }),
  ]);
  for (const [answer, condition] of [
    [again, 'If-None-Match: *'],
    [stale, 'If-Match'],
  ] as const) {
    if (answer.status === 'unmet') continue;
    requireStored(answer);
    throw ignores(`it takes no notice of ${condition}: an object was overwritten`);
  }
  const told = (await find())?.etag;
  if (told !== etag) throw ignores(`it tells of one object two ETags, ${etag} and ${told}`);
  const outcomes = await Promise.all(rivals.map((rival) => put(rival, { etag })));
  const stored = outcomes.filter((outcome) => outcome.status === 'stored');
  if (stored.length > 1)
    throw ignores(`of ${rivals.length} PUTs at once with one ETag in If-Match it stored ${stored.length}`);
  if (stored.some((one) => one.etag === etag)) throw ignores(`it tells one ETag of two contents, ${etag}`);
  if (stored.length === 1) return;
  for (const outcome of outcomes) if (outcome.status !== 'unmet' || outcome.resent) requireStored(outcome);
  // Unless a copy that was made on the way came before: the object is another one then.
  if ((await find())?.etag !== etag) return;
  throw ignores(`it does not find If-Match met by the ETag that it told, ${etag}`);
}

/** The ETag of what was stored. */
function requireStored(outcome: PutOutcome): string {
  if (outcome.status === 'stored') return outcome.etag;
  throw outcome.status === 'unmet' ? new Passing(new Error('the probe met an object')) : obstacle(outcome);
}
