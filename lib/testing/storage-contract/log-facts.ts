/** Facts about the log by itself: what is appended, in which order it comes back, and from where. */
import type { ReadCommit } from '../../journal/index.js';
import type { Log, PastTarget } from '../../prevalence/index.js';
import { equal, errorOf, fail, holds, isKind, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { noise, range } from './samples.js';

const lines = (count: number, from = 1) => range(count, from).map((n) => `{"n":${n}}`);

/** First, count, time and texts of what `log.read` gives. */
async function readAll(log: Log, from: number): Promise<[first: number, count: number, time: number, text: string][]> {
  const read: [number, number, number, string][] = [];
  for await (const { commit, text } of log.read(from)) {
    if (commit.count > 0) read.push([commit.first, commit.count, commit.time, text]);
  }
  return read;
}

/** Numbers of the events after the snapshot that a look at the past begins with. */
async function pastSeqs(log: Log, target: PastTarget): Promise<{ readonly from: number; readonly seqs: number[] }> {
  const { at, commits } = await log.pastStart(target);
  const seqs: number[] = [];
  for await (const { commit } of commits()) seqs.push(...range(commit.count, commit.first));
  return { from: at.seq, seqs };
}

/** The next `count` seqs are there, dense and in order. */
function requireDense(seqs: readonly number[], from: number, to: number): void {
  equal(seqs, range(to - from, from + 1));
}

export const logFacts: readonly Fact[] = [
  fact('a new log has nothing in it, wherever one looks', async ({ openLog }) => {
    const { log, taken, restored } = openLog();
    await log.recover();
    await log.catchUp('strong');
    await log.catchUp('eventual');
    equal(taken, []);
    equal(restored?.captured, undefined);
    equal(await readAll(log, 0), []);
    equal(await log.snapshots(), []);
    const { captured, at } = await log.pastStart({ seq: 0 });
    equal([captured, at.seq], [undefined, 0]);
    equal((await pastSeqs(log, { time: 1e15 })).seqs, []);
  }),

  fact('an append decides on exactly the events before it, and is told to nobody twice', async ({ openLog }) => {
    const { log, taken, append } = openLog();
    await log.recover();
    for (const n of range(12)) {
      const seqs: number[] = [];
      const decide = ({ seq }: { readonly seq: number }) => {
        seqs.push(seq);
        return undefined;
      };
      matches(await log.append({ decide }), { status: 'nothing' });
      equal(seqs, [n - 1]);
      matches(await append([`{"n":${n}}`]), { seq: n });
    }
    equal(
      taken.map(({ text }) => text),
      lines(12),
    );
  }),

  fact('appends that are asked for at once are done in the order of the calls, each once', async ({ openLog }) => {
    const { log, append, taken } = openLog();
    await log.recover();
    const sizes = [1, 3, 1, 40, 2, 1, 7];
    let next = 1;
    const groups = sizes.map((count) => {
      const group = lines(count, next);
      next += count;
      return group;
    });
    const appended = await Promise.all(groups.map((group) => append(group)));
    let seq = 0;
    equal(
      appended.map((one) => one.seq),
      sizes.map((count) => {
        seq += count;
        return seq;
      }),
    );
    await log.close();
    const other = openLog();
    await other.log.recover();
    const wanted = groups.map((group) => group.join('\n'));
    equal(
      [taken, other.taken].map((all) => all.map(({ text }) => text)),
      [wanted, wanted],
    );
  }),

  fact('what a decision throws comes out, and nothing is appended', async ({ openLog, writes }) => {
    const { log, append } = openLog();
    await log.recover();
    await append(['1']);
    const before = writes();
    const refusal = new Error('no');
    const decide = () => {
      throw refusal;
    };
    holds((await errorOf(log.append({ decide }))) === refusal, 'the error itself was to come out');
    equal(writes(), before);
    matches(await append(['2']), { seq: 2 });
    equal((await readAll(log, 1)).length, 2);
  }),

  fact('close waits for an append that is under way', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    let isSettled = false;
    const appended = append(['1']).finally(() => {
      isSettled = true;
    });
    await log.close();
    // What is told to who waits is told in the same turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    holds(isSettled, 'the append was to be settled by then');
    matches(await appended, { seq: 1 });
  }),

  fact('who is stopped waits no longer for what is under way, and is not told that it is done', async ({ openLog }) => {
    const one = openLog();
    await one.log.recover();
    await one.append(['1']);
    const under = one.append(['2']);
    const reason = new Error('enough');
    one.log.stop(reason);
    const error = await errorOf(under);
    // The reason itself: nothing was sent.
    const outcome = error === reason ? 'not-done' : error.outcome;
    holds(outcome === 'unknown' || outcome === 'not-done', `it was to be unknown, or not done: ${error.message}`);
    await one.log.close();
    const other = openLog();
    await other.log.recover();
    const texts = other.taken.map(({ text }) => text);
    equal(texts, outcome === 'unknown' && texts.length > 1 ? ['1', '2'] : ['1']);
  }),

  fact('events are the same text when they are read, whatever is in them', async ({ openLog }) => {
    const one = openLog();
    await one.log.recover();
    const texts = ['é', '😀', '\u2028', 'ÿþ', '\\n', '"', '', ' ', 'a\tb', '\u0000', '{}', 'ﬁ'].map((text) =>
      JSON.stringify(text),
    );
    await one.append(texts);
    for (const text of texts) await one.append([text]);
    await one.log.close();
    const other = openLog();
    await other.log.recover();
    equal(
      other.taken.map(({ text }) => text),
      [texts.join('\n'), ...texts],
    );
  }),

  fact('time never goes back, whatever the clock says', async ({ openLog, clock }) => {
    const { log, append } = openLog();
    await log.recover();
    const times: number[] = [];
    for (const now of [5_000, 100, 4_999, 5_000, 6_001, 1]) {
      clock.set(now);
      times.push((await append(['1'])).time);
    }
    equal(times, [5_000, 5_000, 5_000, 5_000, 6_001, 6_001]);
    await log.close();
    const other = openLog();
    await other.log.recover();
    equal(
      other.taken.map(({ time }) => time),
      times,
    );
  }),

  fact('a commit keeps the time, the version and the digest that it was given', async ({ openLog, clock }) => {
    clock.set(1);
    const { log, append } = openLog();
    await log.recover();
    await append(['1'], { time: 2_000, handlerVersion: 'v1' });
    await append(['2', '3'], { time: 2_000, handlerVersion: 'v2', stateDigest: 'digest' });
    await append(['4'], { time: 7_000 });
    await log.close();
    const other = openLog();
    await other.log.recover();
    const facts: ReadCommit['commit'][] = [];
    for await (const { commit } of other.log.read(1)) if (commit.count > 0) facts.push(commit);
    equal(
      facts.map(({ first, count, time, handlerVersion, stateDigest }) => [
        ...[first, count, time],
        ...[handlerVersion, stateDigest],
      ]),
      [
        [1, 1, 2_000, 'v1', undefined],
        [2, 2, 2_000, 'v2', 'digest'],
        [4, 1, 7_000, undefined, undefined],
      ],
    );
  }),

  fact('a read gives whole commits, from the one that has the event to the newest', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    const sizes = [1, 4, 1, 2, 9, 1];
    const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
    const seq = sum(sizes);
    const commits = sizes.map((count, at) => ({ first: sum(sizes.slice(0, at)) + 1, count }));
    for (const { first, count } of commits) await append(lines(count, first));
    for (const from of range(seq + 3, -1)) {
      const wanted = commits.filter(({ first, count }) => first + count > Math.max(from, 1));
      equal(
        await readAll(log, from),
        wanted.map(({ first, count }) => [first, count, 1_000, lines(count, first).join('\n')]),
      );
    }
    equal(await readAll(log, 1_000_000), []);
  }),

  fact('a read that is left half way, or aborted, harms nothing', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    for (const n of range(40)) await append([`"${noise(500, n)}"`]);
    for await (const { commit } of log.read(1)) if (commit.first === 3) break;
    const abort = new AbortController();
    const reason = new Error('enough');
    abort.abort(reason);
    const aborted = async () => {
      for await (const _ of log.read(1, abort.signal));
    };
    holds((await errorOf(aborted())) === reason, 'the reason of the signal was to come out');
    equal((await readAll(log, 1)).length, 40);
    matches(await append(['1']), { seq: 41 });
  }),

  fact('a look at the past begins with the newest snapshot that is not after it', async ({ openLog, clock }) => {
    const { log, append } = openLog();
    await log.recover();
    for (const n of range(9)) {
      clock.set(n * 1_000);
      await append([`${n}`]);
      if (n % 3 === 0) await log.snapshot({ due: false });
    }
    for (const seq of range(10, 0)) {
      const { from, seqs } = await pastSeqs(log, { seq });
      equal(from, Math.floor(seq / 3) * 3);
      requireDense(seqs, from, 9);
      const byTime = await pastSeqs(log, { time: seq * 1_000 + 999 });
      equal(byTime.from, from);
      requireDense(byTime.seqs, from, 9);
    }
    for (const { seq } of await log.snapshots()) {
      const { captured, at } = await log.pastStart({ seq });
      matches(at, { seq, time: seq * 1_000 });
      equal(captured, { lines: range(seq).map(String), restored: undefined });
    }
  }),

  fact('the size of a commit is refused above the limit, and taken at it', async ({ openLog, eventBytesMax }) => {
    const { log } = openLog();
    equal(log.appendBytesMax, eventBytesMax);
    log.requireSize(eventBytesMax);
    try {
      log.requireSize(eventBytesMax + 1);
    } catch (error) {
      matches(error, { outcome: 'not-done', retryable: false, bytesMax: eventBytesMax });
      return;
    }
    fail('one byte more was to be refused');
  }),

  fact('a count that is not that of the lines is refused, and nothing is appended', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    isKind(await errorOf(log.append({ decide: () => ({ text: '1\n2', count: 3 }) })), 'TypeError');
    matches(await append(['1']), { seq: 1 });
    equal(await readAll(log, 1), [[1, 1, 1_000, '1']]);
  }),

  fact('who holds a log and closes it without giving it up leaves it held, until it is taken', async ({ openLog }) => {
    const first = openLog();
    await first.log.recover();
    await first.log.hold({});
    await first.append(['1']);
    await first.log.close();
    const next = openLog();
    await next.log.recover();
    const refused = { code: 'ERR_NOT_WRITER', outcome: 'not-done' };
    matches(await errorOf(next.append(['2'])), refused);
    matches(await errorOf(next.log.hold({})), refused);
    await next.log.hold({ takeOver: true });
    matches(await next.append(['2']), { seq: 2 });
    await next.log.release();
    await next.log.close();
    const last = openLog();
    await last.log.recover();
    matches(await last.append(['3']), { seq: 3 });
  }),
];
