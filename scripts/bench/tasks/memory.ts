/** What idle atoms weigh, on an engine without a store. Needs `--expose-gc`. */
import { setImmediate as turn } from 'node:timers/promises';
import { AtomTable } from '../../../lib/atom/index.js';
import { StubEngine } from '../stub-engine.js';
import { increment, makeValue, type Size, type Value } from '../values.js';

export interface Weights {
  /** Bytes per value alone, held by nothing but an array. */
  readonly valueBytes: number;
  /** Bytes per idle atom that knows its value, the value not counted. */
  readonly atomBytes: number;
  /** Bytes per atom that are left once nobody holds it. */
  readonly leftBytes: number;
}

/** Several passes: finalizers run between them, and free what the next one finds. */
async function heapBytes(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('the worker runs without --expose-gc');
  for (let pass = 0; pass < 6; pass += 1) {
    gc();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export async function weigh({ count, size }: { count: number; size: Size }): Promise<Weights> {
  const table = new AtomTable({ engine: new StubEngine(), tableName: 'none' });
  const fill = async (at: number) => {
    const atom = table.atom<Value>(`atom-${at}`);
    await atom.reset(freshValue(size, at));
    return atom;
  };
  for (let at = 0; at < 1_000; at += 1) await fill(-1 - at);

  const empty = await heapBytes();
  let values: Value[] | undefined = [];
  for (let at = 0; at < count; at += 1) values.push(freshValue(size, at));
  const withValues = await heapBytes();
  // Read, so that they are held until here.
  if (values.length !== count) throw new Error('values are missing');
  values = undefined;

  const before = await heapBytes();
  let atoms: Awaited<ReturnType<typeof fill>>[] | undefined = [];
  for (let at = 0; at < count; at += 1) atoms.push(await fill(at));
  const withAtoms = await heapBytes();
  if (atoms.length !== count) throw new Error('atoms are missing');
  atoms = undefined;
  const after = await heapBytes();

  const valueBytes = (withValues - empty) / count;
  return {
    valueBytes,
    atomBytes: (withAtoms - before) / count - valueBytes,
    leftBytes: (after - before) / count,
  };
}

/** No part is shared with another value, as is the case with values that were read. */
function freshValue(size: Size, at: number): Value {
  return increment({ ...makeValue(size), n: at, text: `${at}`.padEnd(110, 'x') });
}
