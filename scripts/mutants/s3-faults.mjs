/** A bucket behind a network that loses, doubles, delays and alters; and the proxy that does so. */
import { mutant } from './mutant.mjs';

const engine = 'lib/s3/s3-engine.ts';
const bucket = 'lib/s3/bucket.ts';
const outcome = 'lib/s3/outcome.ts';
const probe = 'lib/s3/probe.ts';
const insisting = 'lib/s3/insisting.ts';
const rules = 'lib/testing/fault-rules.ts';
const wire = 'lib/testing/fault-wire.ts';
const engines = 'spec/s3/s3-engine.spec.ts';
const outcomes = 'spec/s3/outcome.spec.ts';
const probes = 'spec/s3/probe.spec.ts';
const faults = 'spec/s3/faults.spec.ts';
const proxies = 'spec/testing/fault-proxy-objects.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const s3Faults = [
  mutant(
    's3 faults: a body that was altered on its way is sent again',
    outcome,
    "if (alteredNames.has(nameOf(error))) return 'unreachable';",
    '',
    outcomes,
    'refusalOfWrite',
  ),
  mutant(
    's3 faults: an answer that nobody can read is no verdict',
    outcome,
    'if (isUnreadable(error)) return undefined;',
    '',
    outcomes,
    'takes an answer that nobody can read',
  ),
  mutant(
    's3 faults: what nobody can read is asked again',
    outcome,
    'const isGarbled = isUnreadable(error) || alteredNames.has(nameOf(error));',
    'const isGarbled = alteredNames.has(nameOf(error));',
    outcomes,
    'lets what nobody can read be asked again',
  ),
  mutant(
    's3 faults: a yes without an ETag is no proof',
    bucket,
    "if (ETag !== undefined) return { status: 'stored', etag: ETag };",
    "return { status: 'stored', etag: ETag ?? '' };",
    engines,
    'does not believe that a PUT was stored',
  ),
  mutant(
    's3 faults: a look that was given up on is no refusal',
    engine,
    'options?.signal?.aborted === true || isTransient(error)',
    'isTransient(error)',
    engines,
    'takes a look that was given up on',
  ),
  mutant(
    's3 faults: a copy made on the way does not mislead the probe',
    probe,
    'if ((await find())?.etag !== etag) return;',
    '',
    probes,
    'is not misled by a copy',
  ),
  mutant(
    's3 faults: the pointer names what stands there, not what was sent',
    insisting,
    "if (outcome.status !== 'unmet') throw obstacle(outcome);",
    "if (outcome.status !== 'unmet') return true;",
    faults,
    'lost requests',
  ),
  mutant(
    's3 faults: a rule strikes the requests of one key',
    rules,
    'if (rule.path !== undefined && !path.includes(rule.path)) return false;',
    '',
    proxies,
    'strikes the requests of one key',
  ),
  mutant(
    's3 faults: a shortened body has the length that fits it',
    wire,
    'return { ...answer, headers, body };',
    'return answer;',
    proxies,
    'shorten-body',
  ),
];
