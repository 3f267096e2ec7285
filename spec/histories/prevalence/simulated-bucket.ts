/** A run in one process on a bucket: the library's whole way down to the SDK's commands, on the stand-in's core without a network. */
import { type Random, seededRandom } from '../../../lib/engine/index.js';
import type { Storage } from '../../../lib/prevalence/index.js';
import { s3StorageFrom } from '../../../lib/s3/s3-storage.js';
import { FaultyClient } from '../../support/s3/faulty-client.js';
import { type PlainClient, StandInClient } from '../../support/s3/stand-in-client.js';
import type { DisturbedLine, StoreFacts } from '../simulated-run.js';
import { bytesOf, type Chances } from '../simulated-tables.js';
import { ledgerName } from './ledger-place.js';
import { type SimulatedPlace, type SimulationOptions, type SimulationReport, simulateAt } from './simulation.js';

export interface BucketSimulationOptions extends SimulationOptions {
  /** From when to when nobody reaches the bucket, in virtual milliseconds. @defaultValue never */
  readonly outage?: { readonly from: number; readonly to: number } | undefined;
  /** Between the library and its faults: for showing that the judge finds out what is planted there. */
  readonly spoilClient?: ((client: PlainClient, random: Random) => PlainClient) | undefined;
}

/** Makes a run on a bucket and judges it. */
export function simulateBucket(options: BucketSimulationOptions): Promise<SimulationReport> {
  return simulateAt(options, (facts) => new LedgerBucket(facts, options));
}

const bucket = 'runs';
/** Small, so that there are pages. */
const headBytesMax = 2_048;

class LedgerBucket implements SimulatedPlace<PlainClient> {
  readonly line: StandInClient;
  readonly #clock: StoreFacts['clock'];
  readonly #spoil: BucketSimulationOptions['spoilClient'];

  constructor({ clock, random, onChange }: StoreFacts, { spoilClient, outage }: BucketSimulationOptions) {
    this.#clock = clock;
    this.#spoil = spoilClient;
    const latencies = seededRandom(random.int(2 ** 31));
    this.line = new StandInClient({
      clock,
      latency: () => 0.5 + 4 * latencies.next(),
      isOut: () => outage !== undefined && clock.monotonicMs() >= outage.from && clock.monotonicMs() < outage.to,
      // S3 says 409 or 412 of writes that overlap, and other services say 412 where nothing is.
      conduct: { tellsRaces: random.int(2) === 0, missingIsUnmet: random.int(2) === 0 },
      // Names of probes are the one thing that does not come from the seed.
      onWrite: (key) => key.includes('/probe/') || onChange(key),
    });
  }

  disturbed(seed: number): DisturbedLine<PlainClient> {
    const client = new FaultyClient(this.line, { clock: this.#clock, seed });
    return {
      line: client,
      requests: () => client.requests,
      setRules: (rules) => client.setRules(rules),
      settled: () => client.settled(),
    };
  }

  /** The stand-in has each bucket that is named. */
  async create(): Promise<void> {}

  storage(line: PlainClient, { bytes, random, chance }: Chances): Storage {
    const client = chance === undefined ? line : (this.#spoil?.(line, chance) ?? line);
    const randomBytes = bytesOf(bytes);
    const place = { client, bucket, prefix: ledgerName, headBytesMax };
    return s3StorageFrom(place, { clock: this.#clock, random, randomBytes });
  }

  async forgetSnapshots(): Promise<void> {
    this.line.forget(bucket, `${ledgerName}/snap`);
  }
}
