/** Prevalence in a bucket: conditions on ETags, what answers mean, frames, the probe. */
import { mutant } from './mutant.mjs';

const engine = 'lib/s3/s3-engine.ts';
const bucket = 'lib/s3/bucket.ts';
const outcome = 'lib/s3/outcome.ts';
const frame = 'lib/s3/object-frame.ts';
const probe = 'lib/s3/probe.ts';
const insisting = 'lib/s3/insisting.ts';
const deleting = 'lib/s3/delete-s3-storage.ts';
const prefix = 'lib/s3/prefix.ts';
const engines = 'spec/s3/s3-engine.spec.ts';
const outcomes = 'spec/s3/outcome.spec.ts';
const frames = 'spec/s3/object-frame.spec.ts';
const probes = 'spec/s3/probe.spec.ts';
const stores = 'spec/s3/s3-snapshot-store.spec.ts';
const storages = 'spec/s3/s3-storage.spec.ts';
const prefixes = 'spec/s3/prefix.spec.ts';
const leaving = 'spec/s3/giving-up.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const s3 = [
  mutant(
    's3: only a look says that a condition does not hold',
    engine,
    'if (!holds(base.item) && !isSure) {',
    'if (false) {',
    engines,
    'says no only after a look',
  ),
  mutant(
    's3: what a look for a refused PUT found is what is judged',
    engine,
    '[base, isSure, resent] = [looked, true, outcome.resent];',
    '[isSure, resent] = [true, outcome.resent];',
    engines,
    'looks when the PUT is refused',
  ),
  mutant(
    's3: others who come between each time end a call',
    engine,
    'if (puts === putsMax) break;',
    'if (puts === 100) break;',
    engines,
    'gives up for a while',
  ),
  mutant(
    's3: a refusal after another copy proves nothing where the condition holds',
    engine,
    'if (resent) return unclear(',
    'if (false) return unclear(',
    engines,
    'says nothing for certain of a PUT',
  ),
  mutant(
    's3: a refusal after another copy is told as resent',
    bucket,
    "return { status: 'unmet', resent: attemptsOf(error) !== 1 };",
    "return { status: 'unmet', resent: false };",
    engines,
    'says `resent` when the SDK had sent it before',
  ),
  mutant(
    's3: an object that is gone is as good a refusal as another one',
    bucket,
    "(on !== 'absent' && isMissing(error))",
    'false',
    engines,
    'sees that an object is gone',
  ),
  mutant(
    's3: equal bytes are an own earlier copy',
    engine,
    'equalItems(base.item, item)',
    'false',
    engines,
    'takes equal bytes for its own write',
  ),
  mutant(
    's3: what is known is not fetched again',
    engine,
    'await this.#bucket.get(key, options, known.etag)',
    'await this.#bucket.get(key, options)',
    engines,
    'fetches no body of what is known already',
  ),
  mutant(
    's3: what comes damaged is read again',
    bucket,
    'if (read === readsMax) throw new ObjectDamagedError(this.name, key, reason, detail);',
    'throw new ObjectDamagedError(this.name, key, reason, detail);',
    engines,
    'reads again what comes damaged',
  ),
  mutant(
    's3: a full line is no verdict, and no fault of the caller',
    outcome,
    'if (!isPassing || isTransient(error)) return',
    'if (true) return',
    outcomes,
    'be asked again',
  ),
  mutant(
    's3: a write under way is a conflict',
    outcome,
    "if (statusOf(error) === 409) return 'conflict';",
    '',
    outcomes,
    'ConditionalRequestConflict 409 is conflict',
  ),
  mutant(
    's3: the checksum covers the content',
    frame,
    'if (framed.readUInt32LE(headBytes) !== sumOf(framed))',
    'if (false)',
    frames,
    'finds each flipped bit',
  ),
  mutant(
    's3: the length is checked',
    frame,
    'if (framed.length !== frameBytes + length) {',
    'if (false) {',
    frames,
    'finds bytes that were added',
  ),
  mutant(
    's3: conditions that are ignored are found out',
    probe,
    "if (answer.status === 'unmet') continue;",
    'if (true) continue;',
    probes,
    'takes no notice of the conditions',
  ),
  mutant(
    's3: an ETag has to match that was told',
    probe,
    "if (replaced.status === 'unmet') {",
    'if (false) {',
    probes,
    'finds no ETag to match that it told',
  ),
  mutant(
    's3: a bucket is probed once',
    probe,
    'if (before !== undefined) return before;',
    '',
    probes,
    'asks once per client and bucket',
  ),
  mutant(
    's3: a probe that failed is made anew',
    probe,
    'probing.catch(() => known.delete(bucket.name));',
    'probing.catch(() => {});',
    probes,
    'asks anew when it is opened again',
  ),
  mutant(
    's3: a part is not taken for stored where another one stands',
    insisting,
    'return Buffer.compare(found.content, content) === 0;',
    'return true;',
    stores,
    'never puts over another content',
  ),
  mutant(
    's3: a damaged part is a damaged snapshot',
    'lib/s3/s3-snapshot-store.ts',
    'if (!(error instanceof ObjectDamagedError)) throw error;',
    'throw error;',
    stores,
    'calls a part damaged that is',
  ),
  mutant(
    's3: a system is deleted page by page of the listing',
    deleting,
    'after = page.next;',
    'after = undefined;',
    storages,
    'deletes a system of more objects',
  ),
  mutant(
    's3: a head is deleted last',
    deleting,
    "const lastKeys = ['snap', 'head'];",
    'const lastKeys: string[] = [];',
    storages,
    'deletes a system of more objects',
  ),
  mutant(
    's3: what is none of the system stays',
    deleting,
    'page.objects.filter(({ key }) => ownKey.test(key.slice(root.length)))',
    'page.objects.filter(() => true)',
    storages,
    'deletes a system of more objects',
  ),
  mutant(
    's3: no system lies in the folder of another one',
    prefix,
    "if (ownNames.has(plain.split('/').at(-1))) {",
    'if (false) {',
    prefixes,
    'which stands behind the prefix',
  ),
  mutant(
    's3: whoever gives up on opening does not wait for the probe',
    'lib/prevalence/atom-log.ts',
    'await unlessAborted(prepared, signal)',
    'await prepared',
    leaving,
    'read-write',
  ),
  mutant(
    's3: whoever gives up does not wait for the client',
    bucket,
    'const answer = await unlessAborted(sent, options?.signal);',
    'const answer = await sent;',
    leaving,
    'on deleting a system',
  ),
  mutant(
    's3: an answer that nobody waits for is let go of',
    bucket,
    'if (options?.signal?.aborted === true) sent.then(discard, () => {});',
    '',
    leaving,
    'lets go of an answer',
  ),
  mutant(
    's3: what came of a batch counts',
    engine,
    'if (unprocessed.length < keys.length) return { items, unprocessed };',
    'if (options?.signal?.aborted === true) throw obstacle;\n    if (unprocessed.length < keys.length) return { items, unprocessed };',
    leaving,
    'on a batch',
  ),
  mutant(
    's3: the probe does not wait for ever to clean up',
    probe,
    'await limited(clock, attemptMs, undefined, (limit) => bucket.delete(key, { signal: limit }));',
    'await bucket.delete(key);',
    leaving,
    'to the probe',
  ),
  mutant(
    's3: two contents of one ETag are no compare-and-set',
    probe,
    'if (requireStored(replaced) === etag)',
    "if (requireStored(replaced) === '')",
    probes,
    'made of something else',
  ),
  mutant(
    's3: a damaged page is for the journal to judge',
    'lib/s3/s3-storage.ts',
    'new S3Engine(bucket, keyName, (key) => !changing.has(key))',
    'new S3Engine(bucket, keyName)',
    storages,
    'prunes past a page',
  ),
  mutant(
    's3: a listing that was cut short is not the end',
    bucket,
    'if (IsTruncated && NextContinuationToken === undefined) {',
    'if (false) {',
    storages,
    'leaves the head',
  ),
];
