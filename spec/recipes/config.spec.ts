// Goal: settings are in memory, whole and valid; changes of other processes come; none is lost; a bad one harms nobody.
// Method: each engine for the ways; a virtual clock for watching and faults; two releases of one program.

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { engineFaultProfiles, engineFaultRules } from '../../lib/engine/index.js';
import { Config, type ConfigOptions } from '../../lib/recipes/index.js';
import { type Bench, breathe, openBench } from '../atom/bench.js';
import { catchUncaught } from '../support/uncaught.js';
import { onEngines } from './on-engines.js';

interface Flags {
  readonly beta: boolean;
  readonly perPage: number;
  readonly owners?: readonly string[];
}
const defaults: Flags = { beta: false, perPage: 20 };

/** A schema of our own: any Standard Schema does. `later`: it takes its time. */
function schemaOf(later = false): StandardSchemaV1<unknown, Flags> {
  const judge = (value: unknown) => {
    const { perPage } = value as Flags;
    if (perPage === 666) throw new Error('broken schema');
    if (typeof perPage === 'number' && perPage > 0) return { value: value as Flags };
    return { issues: [{ message: 'must be positive', path: ['perPage'] }] };
  };
  const validate = (value: unknown) => (later ? Promise.resolve().then(() => judge(value)) : judge(value));
  return { '~standard': { version: 1, vendor: 'spec', validate } };
}

onEngines((stage) => {
  describe('Config', () => {
    it('has defaults, then what was changed, here at once and elsewhere soon', async () => {
      const name = stage.name();
      const here = new Config(stage.table, name, { defaults });
      const there = new Config(stage.rival, name, { defaults });
      await Promise.all([here.start(), there.start()]);
      expect(here.get()).toEqual(defaults);
      const seen = new Promise((resolve) => there.onChange((value, old) => resolve([value, old])));
      expect(await here.update((value) => ({ ...value, beta: true }))).toEqual({ beta: true, perPage: 20 });
      expect(here.get().beta).toBe(true);
      expect(await seen).toEqual([{ beta: true, perPage: 20 }, defaults]);
      here.close();
      there.close();
    });

    it('costs what an atom costs', async () => {
      const config = new Config(stage.table, stage.name(), { defaults });
      expect((await stage.cost(() => config.update((value) => ({ ...value, beta: true })))).sent).toEqual([
        'get',
        'put',
      ]);
      expect((await stage.cost(() => config.update((value) => ({ ...value, perPage: 30 })))).sent).toEqual(['put']);
      expect((await stage.cost(() => config.update((value) => ({ ...value })))).sent).toEqual(['get']);
    });
  });
});

describe('Config', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });
  const open = (options: Partial<ConfigOptions<Flags>> = {}) =>
    new Config<Flags>(bench.calm(), 'c', { defaults, ...options });
  const stored = async () => ((await bench.calm().atom('config:c').deref()) as { changed: unknown }).changed;

  it('stores what was changed, so that new defaults come through', async () => {
    await open().update((value) => ({ ...value, beta: true }));
    expect(await stored()).toEqual({ beta: true });
    const young = open({ defaults: { beta: false, perPage: 50 } });
    await young.start();
    expect(young.get()).toEqual({ beta: true, perPage: 50 });
    young.close();
  });

  it('leaves alone what this release does not know, and takes out what is given up', async () => {
    await open().update((value) => ({ ...value, owners: ['ada'], perPage: 30 }));
    const strips: StandardSchemaV1<unknown, { readonly beta: boolean }> = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: (value) => ({ value: { beta: (value as Flags).beta } }),
      },
    };
    const old = new Config<{ readonly beta: boolean }>(bench.calm(), 'c', {
      defaults: { beta: false },
      schema: strips,
    });
    expect(await old.update(() => ({ beta: true }))).toEqual({ beta: true });
    expect(await stored()).toEqual({ owners: ['ada'], perPage: 30, beta: true });
    await open().update(({ owners: _, ...value }) => value);
    expect(await stored()).toEqual({ perPage: 30, beta: true });
  });

  it.each([false, true])('refuses to store what does not fit; the schema takes its time: %s', async (later) => {
    const config = open({ schema: schemaOf(later) });
    await config.start();
    const invalid = { code: 'ERR_INVALID_VALUE', where: 'write', outcome: 'not-done' };
    await expect(config.update((value) => ({ ...value, perPage: -1 }))).rejects.toMatchObject(invalid);
    await expect(config.update((value) => ({ ...value, perPage: 666 }))).rejects.toMatchObject(invalid);
    await expect(config.update(() => undefined as unknown as Flags)).rejects.toThrow(TypeError);
    expect(config.get()).toEqual(defaults);
    expect(await bench.calm().atom('config:c').deref()).toBeUndefined();
    config.close();
  });

  it('passes over what does not fit, tells it, and takes the next good one', async () => {
    const told: unknown[] = [];
    const config = open({ schema: schemaOf(), onInvalid: (error) => told.push(error) });
    await config.start();
    const changes: Flags[] = [];
    config.onChange((value) => changes.push(value));
    const other = open();
    await other.update((value) => ({ ...value, perPage: 40 }));
    await bench.run(bench.clock.sleep(20_000));
    await other.update((value) => ({ ...value, perPage: 0 }));
    await bench.run(bench.clock.sleep(20_000));
    expect(config.get().perPage).toBe(40);
    expect(told).toMatchObject([{ code: 'ERR_INVALID_VALUE', where: 'read' }]);
    // And who starts now has the defaults, and can repair it.
    const young = open({ schema: schemaOf(), onInvalid: () => {} });
    await young.start();
    expect(young.get()).toEqual(defaults);
    expect(await young.update((value) => ({ ...value, beta: true }))).toEqual({ beta: true, perPage: 20 });
    expect(await stored()).toEqual({ beta: true });
    await bench.run(bench.clock.sleep(20_000));
    expect(changes).toEqual([
      { beta: false, perPage: 40 },
      { beta: true, perPage: 20 },
    ]);
    config.close();
    young.close();
    expect(bench.clock.pending).toBe(0);
  });

  it.each(engineFaultProfiles)('loses no change of any process: %s', async (profile) => {
    bench = await openBench({ rules: engineFaultRules(profile, 0.2) });
    let done = 0;
    let unknown = 0;
    const work = async () => {
      const config = new Config(bench.table(), 'c', { defaults });
      for (let i = 0; i < 10; i += 1) {
        await config
          .update((value) => ({ ...value, perPage: value.perPage + 1 }))
          .then(
            () => {
              done += 1;
            },
            ({ outcome }) => {
              if (outcome === 'unknown') unknown += 1;
            },
          );
      }
    };
    await bench.run(Promise.all([work(), work(), work()]));
    bench.faulty.setRules([]);
    await bench.run(bench.faulty.settled());
    const config = open();
    await bench.run(config.start());
    const added = config.get().perPage - 20;
    config.close();
    expect(added).toBeGreaterThanOrEqual(done);
    expect(added).toBeLessThanOrEqual(done + unknown);
    expect(done).toBeGreaterThan(15);
  });

  it('goes on with what it has while the store cannot be reached, and catches up', async () => {
    const config = new Config(bench.table(), 'c', { defaults });
    await bench.run(config.start());
    bench.faulty.setRules([{ fault: { kind: 'unreachable' } }]);
    await bench.run(open().update((value) => ({ ...value, beta: true })));
    await bench.run(bench.clock.sleep(60_000));
    expect(config.get().beta).toBe(false);
    bench.faulty.setRules([]);
    await bench.run(bench.clock.sleep(60_000));
    expect(config.get().beta).toBe(true);
    config.close();
  });

  it('can be started again after a start that failed', async () => {
    const table = bench.table({ retry: { timeoutMs: 1_000, attemptTimeoutMs: 100 } });
    const config = new Config(table, 'c', { defaults });
    expect(() => config.get()).toThrow(TypeError);
    bench.faulty.setRules([{ fault: { kind: 'unreachable' } }]);
    await expect(bench.run(config.start())).rejects.toThrow();
    expect(() => config.get()).toThrow(TypeError);
    expect(bench.clock.pending).toBe(0);
    bench.faulty.setRules([]);
    await bench.run(Promise.all([config.start(), config.start()]));
    expect(config.get()).toEqual(defaults);
    await config[Symbol.asyncDispose]();
    expect(config.get()).toEqual(defaults);
    expect(bench.clock.pending).toBe(0);
  });

  it('is not watched when it was closed while it started', async () => {
    const config = open();
    const starting = config.start();
    config.close();
    await starting;
    expect([config.get(), bench.clock.pending]).toEqual([defaults, 0]);
    await open().update((value) => ({ ...value, perPage: 30 }));
    await bench.clock.advance(60_000);
    expect(config.get()).toEqual(defaults);
    await config.start();
    expect(config.get().perPage).toBe(30);
    config.close();
  });

  it('goes on when onInvalid throws, whose error is an unhandled one', async () => {
    const { uncaught, restore } = catchUncaught();
    const own = new RangeError('of onInvalid');
    const onInvalid = () => {
      throw own;
    };
    const config = open({ schema: schemaOf(), onInvalid });
    try {
      await config.start();
      const raw = bench.calm().atom<{ kind: string; changed: object }>('config:c');
      await raw.reset({ kind: 'config', changed: { perPage: 'many' } });
      await bench.clock.advance(60_000);
      expect(uncaught).toEqual([own]);
      await raw.reset({ kind: 'config', changed: { perPage: 30 } });
      await bench.clock.advance(60_000);
      expect([config.get().perPage, uncaught]).toEqual([30, [own]]);
    } finally {
      restore();
      config.close();
    }
  });

  it('calls no listener that has left, nor for what is as it was', async () => {
    const config = open();
    const seen: string[] = [];
    config.onChange(({ beta }) => seen.push(`before the start ${beta}`));
    await open().update((value) => ({ ...value, perPage: 30 }));
    await config.start();
    expect(seen).toEqual([]);
    const leave = config.onChange(({ beta }) => seen.push(`left ${beta}`));
    leave();
    await config.update((value) => ({ ...value, beta: true }));
    await config.update((value) => ({ ...value, beta: true }));
    await breathe();
    expect(seen).toEqual(['before the start true']);
    config.close();
  });

  it('refuses wrong arguments, defaults that do not fit, and an item that is none of its kind', async () => {
    for (const wrong of [null, 7, 'x', [1], undefined]) {
      expect(() => open({ defaults: wrong as unknown as Flags })).toThrow(TypeError);
    }
    const config = open();
    expect(() => config.onChange('x' as unknown as () => void)).toThrow(TypeError);
    await expect(config.update('x' as unknown as () => Flags)).rejects.toThrow(TypeError);
    const bad = open({ schema: schemaOf(), defaults: { beta: false, perPage: 0 } });
    await expect(bad.start()).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' });
    await bench.calm().atom('config:c').reset({ changed: {} });
    const kind = { code: 'ERR_RECIPE_KIND' };
    await expect(bench.run(open().start())).rejects.toMatchObject(kind);
    await expect(bench.run(open().update((value) => value))).rejects.toMatchObject(kind);
  });
});
