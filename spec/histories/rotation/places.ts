/** Where sealed systems lie whose processes die: a table in memory, a bucket of the stand-in's core, a directory on a disk in memory. */
import { AtomTable } from '../../../lib/atom/index.js';
import { MemoryEngine, type Random, systemClock } from '../../../lib/engine/index.js';
import { fileStorage } from '../../../lib/files/index.js';
import type { Machine } from '../../../lib/files/machine.js';
import { atomStorage, type Storage } from '../../../lib/prevalence/index.js';
import { s3Storage } from '../../../lib/s3/index.js';
import { ModelledDisk } from '../../support/modelled-file-system.js';
import { imagesAfter, lastMoment } from '../../support/power-loss.js';
import { operationOf, type PlainClient, StandInClient } from '../../support/s3/stand-in-client.js';
import { isWriteStep, steppedEngine } from '../../support/stepped-engine.js';

export interface MortalStorage {
  /** One for each writer, as each has keys of its own. */
  view(): Storage;
  /** When it has died. */
  readonly died: Promise<void>;
}

export interface RotationPlace {
  /** Whether several processes may write at a time. */
  readonly isShared: boolean;
  /** Items, objects and records that were written so far. */
  items(): number;
  /** As a process has it that dies before its request `at` is sent, or after it was done. */
  process(at: number, when: 'before' | 'after'): MortalStorage;
  /** What is left by those that died. */
  after(random: Random): Promise<void>;
}

const never = new Promise<never>(() => {});

/** Counts the requests of a process, and lets it die. */
function mortality(at: number, when: 'before' | 'after') {
  let requests = 0;
  let die: () => void = () => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  return {
    died,
    async pass<T>(send: () => Promise<T>): Promise<T> {
      requests += 1;
      if (requests < at) return send();
      if (requests === at && when === 'after') await send().catch(() => {});
      die();
      return never;
    },
  };
}

/** Timers of the dead keep no run alive. */
const clock = {
  ...systemClock,
  sleep: (ms: number, options?: object) => systemClock.sleep(ms, { ...options, background: true }),
};
const tableName = 'state';

export async function tableOfRotation(): Promise<RotationPlace> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  let items = 0;
  return {
    isShared: true,
    items: () => items,
    process(at, when) {
      const { died, pass } = mortality(at, when);
      const mortal = steppedEngine(engine, (step) => {
        if (isWriteStep(step)) items += 1;
        return pass(step.send);
      });
      return { died, view: () => atomStorage(new AtomTable({ engine: mortal, tableName, clock }), 'till') };
    },
    async after() {},
  };
}

export async function bucketOfRotation(): Promise<RotationPlace> {
  const line = new StandInClient({ clock, latency: () => 0, onWrite() {} });
  let items = 0;
  return {
    isShared: true,
    items: () => items,
    process(at, when) {
      const { died, pass } = mortality(at, when);
      const client: PlainClient = {
        config: {},
        send(command) {
          if (operationOf(command) === 'PutObject') items += 1;
          return pass(() => line.send(command));
        },
      };
      return {
        died,
        view: () => s3Storage({ client: client as never, bucket: 'runs', prefix: 'till', clock, headBytesMax: 1_024 }),
      };
    },
    async after() {},
  };
}

/** A process that takes all others for dead. */
const machine: Machine = { self: () => ({ pid: 1, host: 'here', command: 'chaos' }), lifeOf: () => 'dead' };

/** Each death is a loss of power, after which there is one of the states that there may be. */
export async function directoryOfRotation(): Promise<RotationPlace> {
  let disk = new ModelledDisk();
  let items = 0;
  return {
    isShared: false,
    items: () => items,
    process(at, when) {
      const { died, pass } = mortality(at, when);
      const fileSystem = disk.fileSystem(async ({ name }) => {
        if (name === 'write') items += 1;
        await pass(async () => undefined);
        return undefined;
      });
      return {
        died,
        view: () => fileStorage('/data/till', { fileSystem, machine, clock, takeOver: true, journalBytesMax: 4_096 }),
      };
    },
    async after(random) {
      const moment = lastMoment(disk.start, disk.log);
      const images = [...imagesAfter(moment, random, 3)];
      disk = new ModelledDisk(images[random.int(images.length)]);
    },
  };
}
