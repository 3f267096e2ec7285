/**
 * Goal: what is told of a stream is told of one instant, and not of one before the call, whoever appends meanwhile.
 */
import { type Event, STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett';
import { describe, expect, it } from '@jest/globals';
import { getLeydenEventStore } from '../../../lib/adapters/emmett/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { type EventStore, transientEventStore } from '../../../lib/events/index.js';

const noted: Event = { type: 'noted', data: {} };

describe('getLeydenEventStore() beside another process', () => {
  it('tells no event behind the version that it tells', async () => {
    const engine = new MemoryEngine();
    const [one, other] = [transientEventStore({ engine }), transientEventStore({ engine })];
    await other.append('notes', [noted, noted]);
    // Another one appends between the look at the stream and the reading.
    const overtaken = new Proxy(one, {
      get: (target, name) => {
        const value: unknown = target[name as keyof EventStore];
        if (typeof value !== 'function') return value;
        if (name !== 'info') return value.bind(target);
        return async (stream: string) => {
          const info = await target.info(stream);
          await other.append('notes', [noted]);
          return info;
        };
      },
    });
    const store = getLeydenEventStore(overtaken);
    let version = 2n;
    for (const read of [{ from: 1n }, { from: 1n, to: 9n }, { from: 1n, maxCount: 9n }, { to: 9n }]) {
      const { events, currentStreamVersion } = await store.readStream('notes', read);
      expect([currentStreamVersion, events.at(-1)?.metadata.streamPosition]).toEqual([version, version]);
      version += 1n;
    }
  });

  it('tells a conflict with the version that there is, not with one that was seen before', async () => {
    const engine = new MemoryEngine();
    const [one, other] = [0, 1].map(() => getLeydenEventStore(transientEventStore({ engine })));
    await one?.appendToStream('notes', [noted]);
    await other?.appendToStream('notes', [noted, noted]);
    for (const expectedStreamVersion of [STREAM_DOES_NOT_EXIST, 0n]) {
      const refused = one?.appendToStream('notes', [noted], { expectedStreamVersion });
      await expect(refused).rejects.toMatchObject({ errorCode: 412, current: '3' });
    }
  });

  it("drops what another store said of a message's place", async () => {
    const store = getLeydenEventStore(transientEventStore());
    const metadata = { by: 'me', messageId: 'm', streamName: 's', streamPosition: 70n, globalPosition: 70n };
    await store.appendToStream('notes', [{ ...noted, metadata }]);
    const { events } = await store.readStream('notes');
    expect(events[0]?.metadata).toEqual({ by: 'me', messageId: 'notes/1', streamName: 'notes', streamPosition: 1n });
  });
});
