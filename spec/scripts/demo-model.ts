/**
 * The demo's protocol as a game: workers that take one atomic step at a time, a schedule that says whose step is next, and
 * deaths between any two steps. The transitions are the demo's own.
 */
import { closeChunk, emptyLedger, type Ledger, takeRow } from '../../scripts/demo/ledger.js';
import {
  giveBack,
  markCounted,
  markDone,
  newWorkList,
  type Stage,
  takeChunk,
  type WorkList,
} from '../../scripts/demo/work-list.js';

/** Rows as the names of the atoms that each belongs to; the delay of a row is its index. */
export interface Game {
  readonly rows: readonly (readonly string[])[];
  readonly rowsPerChunk: number;
  readonly workers: number;
  /** Choices, consumed one by one; when they are used up, everybody goes on in order and nobody dies. */
  readonly schedule: readonly number[];
  /** Plants the mistake of closing a chunk before the work list says that it was counted. */
  readonly closesEarly?: boolean;
}

export interface Table {
  list: WorkList;
  readonly ledgers: Map<string, Ledger>;
}

const deathEvery = 11;

/** Plays a game to its end. */
export function play({ rows, rowsPerChunk, workers, schedule, closesEarly = false }: Game): Table {
  const table: Table = { list: newWorkList, ledgers: new Map() };
  let at = 0;
  const choose = (below: number): number => {
    const choice = schedule[at];
    at += 1;
    return choice === undefined ? 0 : choice % below;
  };
  const chunks = Math.ceil(rows.length / rowsPerChunk);
  const swap = (atom: string, f: (ledger: Ledger) => Ledger): void => {
    table.ledgers.set(atom, f(table.ledgers.get(atom) ?? emptyLedger));
  };

  function* count(chunk: number): Generator<void> {
    const queues = new Map<string, number[]>();
    for (const [n, atoms] of rows.slice(chunk * rowsPerChunk, (chunk + 1) * rowsPerChunk).entries()) {
      for (const atom of atoms) queues.set(atom, [...(queues.get(atom) ?? []), chunk * rowsPerChunk + n]);
    }
    const sizes = new Map([...queues].map(([atom, queue]) => [atom, queue.length]));
    // Each atom gets its rows in order, some at a time; the atoms come in any order.
    while (queues.size > 0) {
      const [atom, queue] = [...queues][choose(queues.size)] as [string, number[]];
      const size = sizes.get(atom) as number;
      for (let some = 1 + choose(queue.length); some > 0; some -= 1) {
        const row = queue.shift() as number;
        swap(atom, (ledger) => takeRow(ledger, chunk, size - queue.length, row));
      }
      if (queue.length === 0) queues.delete(atom);
      yield;
    }
  }

  function* close(chunk: number): Generator<void> {
    const mine = rows.slice(chunk * rowsPerChunk, (chunk + 1) * rowsPerChunk).flat();
    const atoms = [...new Set(mine)];
    while (atoms.length > 0) {
      const [atom] = atoms.splice(choose(atoms.length), 1) as [string];
      swap(atom, (ledger) => closeChunk(ledger, chunk, mine.filter((name) => name === atom).length));
      yield;
    }
  }

  function* work(worker: string, strands: Generator<void>[]): Generator<void> {
    for (;;) {
      const [list, task] = takeChunk(table.list, worker, chunks);
      table.list = list;
      yield;
      if (task.kind === 'over') return;
      if (task.kind === 'wait') continue;
      if (task.stage === 'counting') yield* count(task.chunk);
      strands.push(finish(worker, task.chunk, task.stage));
    }
  }

  function* finish(worker: string, chunk: number, stage: Stage): Generator<void> {
    if (stage === 'counting') {
      if (closesEarly) yield* close(chunk);
      table.list = markCounted(table.list, worker, chunk);
      yield;
    }
    yield* close(chunk);
    table.list = markDone(table.list, worker, chunk);
    yield;
  }

  let hired = 0;
  const hire = () => {
    hired += 1;
    const name = `worker-${hired}`;
    const strands: Generator<void>[] = [];
    strands.push(work(name, strands));
    return { name, strands };
  };
  const alive = Array.from({ length: workers }, hire);
  while (alive.length > 0) {
    const who = choose(alive.length);
    const { name, strands } = alive[who] as ReturnType<typeof hire>;
    const which = choose(strands.length);
    if (choose(deathEvery) === deathEvery - 1) {
      table.list = giveBack(table.list, name);
      alive.splice(who, 1, hire());
    } else if (strands[which]?.next().done === true) {
      strands.splice(which, 1);
      if (strands.length === 0) alive.splice(who, 1);
    } else if (at >= schedule.length) {
      // With the schedule used up, all take turns, so that those who wait do not wait for ever.
      strands.push(...strands.splice(which, 1));
      alive.push(...alive.splice(who, 1));
    }
  }
  return table;
}
