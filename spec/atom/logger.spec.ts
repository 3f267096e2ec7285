// Goal: people are told in words of what goes wrong, at a documented level, at a rate that an outage does not raise; and a logger
// that fails fails nobody else.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Logger } from '../../lib/atom/index.js';
import type { Engine } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const increment = (n: number) => n + 1;
const retry = { attemptTimeoutMs: 100, settleMs: 2_000 };

class Lines implements Logger {
  readonly all: { level: string; text: string; facts: Readonly<Record<string, unknown>> }[] = [];
  readonly #fail: (() => unknown) | undefined;

  constructor(fail?: () => unknown) {
    this.#fail = fail;
  }

  debug(text: string, facts: object): unknown {
    return this.#add('debug', text, facts);
  }
  info(text: string, facts: object): unknown {
    return this.#add('info', text, facts);
  }
  warn(text: string, facts: object): unknown {
    return this.#add('warn', text, facts);
  }
  error(text: string, facts: object): unknown {
    return this.#add('error', text, facts);
  }

  /** `level text`, without the prefix that all share. */
  get texts(): string[] {
    return this.all.map(({ level, text }) => `${level} ${text.replace('leyden-jar: ', '')}`);
  }

  #add(level: string, text: string, facts: object): unknown {
    this.all.push({ level, text, facts: { ...facts } });
    return this.#fail?.();
  }
}

let bench: Bench;
let lines: Lines;
beforeEach(async () => {
  bench = await openBench();
  lines = new Lines();
});
const open = (logger: Logger = lines, engine: Engine = bench.faulty) =>
  bench.table({ retry, logger, engine }).atom<number>('n', { initial: 0 });
const rival = () => bench.calm().atom<number>('n', { initial: 0 });

describe('logger', () => {
  it('is silent by default, and where all goes well', async () => {
    const said = (['debug', 'info', 'warn', 'error'] as const).map((level) =>
      jest.spyOn(console, level).mockImplementation(() => {}),
    );
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, times: 3 }]);
    await bench.run(bench.table({ retry }).atom<number>('n', { initial: 0 }).swap(increment));
    for (const one of said) {
      expect(one).not.toHaveBeenCalled();
      one.mockRestore();
    }
    await bench.run(open().swap(increment));
    expect(lines.all).toEqual([]);
  });

  it('must have all four levels', () => {
    expect(() => open({ debug() {}, info() {}, warn() {} } as never)).toThrow('logger.error must be a function');
  });

  it('may be the console', () => {
    expect(() => open(console)).not.toThrow();
  });

  it('debug: a lost race, a retry after something passing', async () => {
    const atom = open();
    await bench.run(atom.deref());
    await bench.run(rival().swap(increment));
    bench.faulty.setRules([{ fault: { kind: 'reset-before' }, on: 'writes', times: 1 }]);
    await bench.run(atom.swap(increment));
    const [brief, lost] = lines.texts.filter((text) => text.startsWith('debug'));
    expect(brief).toMatch(/^debug atom n of state: TimeoutError; trying again in \d ms$/);
    expect(lost).toBe('debug atom n of state: another writer was first (attempt 1, 1 calls); trying again');
  });

  it('info: an unclear write that was settled', async () => {
    const atom = open();
    await bench.run(atom.deref());
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes', times: 1 }]);
    await bench.run(atom.swap(increment));
    const facts = lines.all.at(-1)?.facts ?? {};
    expect(lines.texts.at(-1)).toBe(
      `info atom n of state: write ${facts.writeId}, whose answer was lost, turned out applied after 2 copies`,
    );
    expect(facts).toMatchObject({ table: 'state', key: 'n', verdict: 'applied', copies: 2 });
  });

  it('warn: throttling; an unknown outcome; a write that was given up', async () => {
    const atom = open();
    await bench.run(atom.deref());
    bench.faulty.setRules([
      { fault: { kind: 'throttle' }, on: 'writes', times: 1 },
      { fault: { kind: 'reset-after' }, on: 'writes' },
    ]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 150 }));
    await bench.run(swap.done);
    await bench.clock.advance(retry.settleMs + 1_000);
    const { writeId } = swap.error as { writeId: string };
    const warnings = lines.texts.filter((text) => text.startsWith('warn'));
    expect(warnings[0]).toMatch(/^warn atom n of state: ProvisionedThroughput\w+; trying again in \d+ ms$/);
    expect(warnings[1]).toBe(
      `warn atom n of state: nobody knows whether the swap took effect: write ${writeId} is in-flight`,
    );
    expect(warnings[2]).toMatch(/^warn atom n of state: write \S+ could not be settled after \d+ copies: in-flight$/);
    expect(warnings).toHaveLength(3);
  });

  it('warn: a table without time to live', async () => {
    const refuse = () => Promise.reject(Object.assign(new Error('none'), { name: 'UnknownOperationException' }));
    const engine = overridden(bench.memory, { describeTimeToLive: refuse, updateTimeToLive: refuse });
    await bench.run(bench.table({ logger: lines, engine, tableName: 'other' }).create());
    await bench.run(bench.table({ logger: lines, tableName: 'third' }).create());
    expect(lines.texts).toEqual([
      'warn table other: time to live is unsupported, so tombstones and expired items stay until sweep()',
    ]);
  });

  it('error: a fault of the library itself, which the caller is told as well', async () => {
    const clock = bench.clock;
    const atom = open();
    await bench.run(atom.deref());
    const now = jest.spyOn(clock, 'now').mockImplementationOnce(() => {
      throw new TypeError('a clock that fails');
    });
    await expect(bench.run(atom.swap(increment))).rejects.toThrow('a clock that fails');
    now.mockRestore();
    expect(lines.texts).toEqual(['error atom n of state: fault in leyden-jar: TypeError: a clock that fails']);
  });
});

describe('an outage', () => {
  it('writes 10 lines of a kind in 10 s, and then says how many were left out', async () => {
    const atom = open();
    await bench.run(atom.deref());
    bench.faulty.setRules([{ fault: { kind: 'throttle' } }]);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 25_000 }));
    await bench.clock.advance(9_000);
    expect(lines.all.map(({ level }) => level)).toEqual(new Array(10).fill('warn'));
    await bench.run(swap.done);
    const next = lines.all[10];
    expect(next?.facts.leftOut).toBeGreaterThan(2);
    expect(next?.text).toMatch(/ \(\d+ like it were left out\)$/);
    expect(lines.all[11]?.text).not.toContain('left out');
    expect(lines.all.length).toBeLessThanOrEqual(30);
  });

  it('of one kind leaves lines of other kinds alone', async () => {
    const atom = open();
    await bench.run(atom.deref());
    bench.faulty.setRules([
      { fault: { kind: 'throttle' }, on: 'writes', times: 12 },
      { fault: { kind: 'reset-after' }, on: 'writes', times: 1 },
    ]);
    await bench.run(atom.swap(increment));
    expect(lines.texts.at(-1)).toContain('turned out applied');
  });
});

describe('a logger that', () => {
  let unhandled: unknown[];
  const note = (error: unknown) => unhandled.push(error);
  beforeEach(() => {
    unhandled = [];
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    process.off('unhandledRejection', note);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ])('%s disturbs nobody', async (_, fail) => {
    const failing = new Lines(fail);
    const atom = open(failing);
    await bench.run(atom.deref());
    await bench.run(rival().swap(increment));
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes', times: 1 }]);
    expect(await bench.run(atom.swap(increment))).toBe(2);
    await breathe();
    expect(failing.all.length).toBeGreaterThan(1);
    expect(unhandled).toEqual([]);
  });
});
