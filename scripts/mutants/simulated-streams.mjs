/** What doubles of streams promise: a simulator that loses or repeats would let readers that do so pass, or blame them. */
import { mutant } from './mutant.mjs';

const simulator = 'spec/testing/streams/simulator.spec.ts';
const property = 'spec/testing/streams/simulator.property.spec.ts';
const reshard = 'spec/testing/streams/reshard.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const simulatedStreams = [
  mutant(
    'a record that is written later can be read earlier',
    'lib/testing/streams/simulated-stream.ts',
    'Math.max(log.newest?.visibleAtMs ?? 0, nowMs + draws.within(visibleMs))',
    'nowMs + draws.within(visibleMs)',
    simulator,
    'visibleMs',
  ),
  mutant(
    'a closed shard whose last record was read goes on to its siblings',
    'lib/testing/streams/reshard.ts',
    'if (isBehind || page.nextIterator === undefined)',
    'if (page.nextIterator === undefined)',
    reshard,
    'starts anywhere',
  ),
  mutant(
    'a child begins with a number of its parent',
    'lib/testing/streams/sequence-line.ts',
    'this.#low - (this.#low % step) + step + (own % step)',
    'this.#low - (this.#low % step) - 5 * step + (own % step)',
    property,
    'hands out each record once',
  ),
  mutant(
    'children of the same split count with the same last digits',
    'lib/testing/streams/sequence-line.ts',
    '+ step + (own % step)',
    '+ step',
    property,
    'hands out each record once',
  ),
  mutant(
    'shards are listed in the order of their making',
    'lib/testing/streams/simulated-stream.ts',
    '[...this.#shards.values()].sort((one, other) => (one.shardId < other.shardId ? -1 : 1))',
    '[...this.#shards.values()]',
    simulator,
    'lists by id',
  ),
  mutant(
    'a shard ends before its last records can be read',
    'lib/testing/streams/stream-pages.ts',
    'if (end !== undefined && index === endIndex && emptyPages === 0) {',
    'if (end !== undefined && emptyPages === 0) {',
    property,
    'hands out each record once',
  ),
  mutant(
    'an empty page passes over what it leaves out',
    'lib/testing/streams/stream-pages.ts',
    'emptyPages = iterator.emptyPages + 1;',
    'emptyPages = iterator.emptyPages + 1;\n    index += 1;',
    simulator,
    'emptyPages',
  ),
  mutant(
    'trimmed records are passed over in silence',
    'lib/testing/streams/stream-pages.ts',
    'if (from < log.firstIndex) throw recordsTrimmed();',
    '',
    simulator,
    'trims record by record',
  ),
  mutant(
    "a client's wall clock moves the server's",
    'lib/testing/streams/simulator.ts',
    'this.#startMs + this.#world.clock.monotonicMs() - this.#startMonotonicMs',
    'this.#world.clock.now()',
    simulator,
    'wall clock steps',
  ),
  mutant(
    'LATEST is not fixed by its first page',
    'lib/testing/streams/stream-pages.ts',
    'const next = { shard: iterator.shard, index,',
    'const next = { shard: iterator.shard, index: iterator.index === unfixed ? unfixed : index,',
    simulator,
    'softLatest',
  ),
  mutant(
    'what is refused counts against the rate',
    'lib/testing/streams/simulated-port.ts',
    'if (traffic.served.count(nowMs) >= limits.readsPerSecondMax) {',
    'if (traffic.asked.count(nowMs) >= limits.readsPerSecondMax) {',
    simulator,
    'throttle',
  ),
  mutant(
    'shards that have gone are read',
    'lib/testing/streams/simulated-port.ts',
    'if (stream.isGone(nowMs) || shard.isGone(nowMs)) throw',
    'if (stream.isGone(nowMs)) throw',
    simulator,
    'ghosts',
  ),
  mutant(
    'a page is judged before the cuts in it are known',
    'lib/testing/streams/reshard.ts',
    "while (newest !== '' && compareNumbers(map.newest ?? '0', newest) < 0) await this.#count(arn);",
    '',
    reshard,
  ),
];
