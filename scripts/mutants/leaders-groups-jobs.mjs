/** Elections, groups and work queues. */
import { mutant } from './mutant.mjs';

const electionSpec = 'spec/recipes/election.spec.ts';
const electionModel = 'spec/recipes/election.property.spec.ts';
const membershipSpec = 'spec/recipes/membership.spec.ts';
const queueSpec = 'spec/recipes/work-queue.spec.ts';
const queueBooks = 'spec/recipes/work-queue.property.spec.ts';
const election = 'lib/recipes/election/election.ts';
const electionState = 'lib/recipes/election/election-state.ts';
const leadership = 'lib/recipes/election/leadership.ts';
const membership = 'lib/recipes/membership/membership.ts';
const membershipState = 'lib/recipes/membership/membership-state.ts';
const care = 'lib/recipes/membership/care.ts';
const grant = 'lib/recipes/claims/grant.ts';
const queueState = 'lib/recipes/unstable-work-queue/queue-state.ts';
const queueItems = 'lib/recipes/unstable-work-queue/queue-items.ts';
const reach = 'lib/recipes/unstable-work-queue/reach.ts';
const seeker = 'lib/recipes/unstable-work-queue/seeker.ts';
const job = 'lib/recipes/unstable-work-queue/job.ts';
const queue = 'lib/recipes/unstable-work-queue/work-queue.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const leadersGroupsJobs = [
  mutant(
    'election: whoever led may proclaim',
    electionState,
    'if (owner?.nonce !== nonce) return state;',
    'if (owner === null) return state;',
    electionModel,
  ),
  mutant(
    'election: a new value is no news',
    electionState,
    ' || next.owner?.edition !== last.owner?.edition',
    '',
    electionModel,
  ),
  mutant(
    'election: an older term is news',
    electionState,
    'if (next.fence < last.fence) return false;',
    'if (next.fence < last.fence) return true;',
    electionModel,
  ),
  mutant(
    'election: a refused proclaim is told as accepted',
    leadership,
    'if (!this.#grant.see(stands)) throw this.#notLeader(stands);',
    '',
    electionSpec,
    'although the own clock says nothing',
  ),
  mutant(
    'election: who led proclaims on',
    leadership,
    '    this.assertLeader();\n    const stands',
    '    const stands',
    electionSpec,
    'although nobody else leads yet',
  ),
  mutant(
    'election: a transaction of who was deposed is committed',
    leadership,
    'if (!this.#grant.see(state) || !this.isLeader) throw',
    'if (!this.isLeader) throw',
    electionSpec,
    'only while the item names the leadership',
  ),
  mutant(
    'election: extend does nothing',
    leadership,
    'await this.#grant.extend();',
    '',
    electionSpec,
    'of which the own clock knows nothing',
  ),
  mutant(
    'election: the function is not told of a loss',
    election,
    '[leadership.signal, outer].map',
    '[outer].map',
    electionSpec,
    'tells the function of a loss',
  ),
  mutant(
    'election: an error after the loss ends it',
    election,
    'if (leadership.loss === undefined && ',
    'if (',
    electionSpec,
    'tells the function of a loss',
  ),
  mutant(
    'election: a bug is swallowed once it is told to stop',
    election,
    'outer?.aborted && isAbort(error, outer)',
    'outer?.aborted',
    electionSpec,
    'an error that is no abort',
  ),
  mutant(
    'grant: a released one stays with its lease',
    grant,
    '    this.#leave();\n    this.#releasing ??=',
    '    this.#releasing ??=',
    electionSpec,
    'leaves nothing with its session',
  ),
  mutant(
    'membership: those who said good-bye are members',
    membershipState,
    '.filter(([, { session }]) => over?.has(session) !== true)',
    '',
    membershipSpec,
    'without those who said good-bye',
  ),
  mutant(
    'membership: one who was too late stays in',
    membership,
    'lease.end !== undefined || (',
    '(',
    membershipSpec,
    'its lease ended before it was in',
  ),
  mutant(
    'membership: one who does not know stays in',
    membership,
    "(isLeydenError(error) && error.outcome !== 'not-done')",
    'false',
    membershipSpec,
    'nobody can tell in time',
  ),
  mutant(
    'membership: a late entry stays',
    care,
    '    this.#rivals.observe(following(sessions, this.#place, observedMax));\n    this.#clear();',
    '    this.#rivals.observe(following(sessions, this.#place, observedMax));',
    membershipSpec,
    'busy elsewhere',
  ),
  mutant(
    'membership: nobody looks after whom they found',
    membership,
    '    care.see(state);\n    const end',
    '    const end',
    membershipSpec,
    'members',
  ),
  mutant(
    'membership: the ring has an end',
    membershipState,
    '[...ring.slice(start), ...ring.slice(0, start)]',
    '[...ring.slice(start)]',
    membershipSpec,
    'gives each session somebody',
  ),
  mutant(
    'queue: a full segment takes more',
    queueItems,
    'atMost: { count: segmentMax - 1 }',
    'atMost: { count: segmentMax + 9 }',
    queueSpec,
    'several segments',
  ),
  mutant(
    'queue: a segment that is gone takes entries',
    queueItems,
    'is: { isOpen: true }, ',
    '',
    queueSpec,
    'done and gone',
  ),
  mutant(
    'queue: two segments follow one',
    queueState,
    'return queue.segments.at(-1) === last ? ',
    'return queue.segments !== undefined ? ',
    queueSpec,
    'several segments',
  ),
  mutant(
    'queue: what follows a segment that is not full counts',
    queueState,
    'if (segment.isOpen && !isFull(segment)) break;',
    '',
    queueSpec,
    'read as not full',
  ),
  mutant(
    'queue: a job is taken that another one took',
    queueState,
    'if (!isSame(job, seen)) return job;\n',
    '',
    queueBooks,
  ),
  mutant(
    'queue: who had a job gives it back for another',
    queueState,
    'if (job.claim?.nonce !== nonce) return job;',
    '',
    queueSpec,
    'again when it is given back',
  ),
  mutant(
    'queue: whoever had a job ends it',
    job,
    "if (state.claim?.nonce !== this.#nonce) return state.state === 'none' && this.#mayBeDone;",
    "if (state.state === 'none') return this.#mayBeDone;",
    queueSpec,
    'again when it is given back',
  ),
  mutant(
    'queue: whoever comes too late has done it',
    job,
    "return state.state === 'none' && this.#mayBeDone;",
    "return state.state === 'none';",
    queueSpec,
    'who was too late',
  ),
  mutant(
    'queue: a job is handed to one who has left',
    queue,
    '          off();\n          how();',
    '          how();',
    queueSpec,
    'at whatever moment of a hand-over',
  ),
  mutant(
    'queue: whoever had a job ends it in a transaction',
    job,
    'if (state.claim?.nonce !== this.#nonce) {\n      const',
    "if (state.state === 'held' && state.claim === undefined) {\n      const",
    queueSpec,
    'together with its effects',
  ),
  mutant('queue: a group goes side by side', reach, 'if (isBehind || ', 'if (', queueSpec, 'one job out at a time'),
  mutant(
    'queue: a job that is not to be seen yet is done',
    reach,
    'version > 0 || this.#isMissing(entry.id)',
    'true',
    queueSpec,
    'not to be seen yet',
  ),
  mutant(
    'queue: a job comes back at once',
    reach,
    'return now - pause.atMs < delayMs;',
    'return false;',
    queueSpec,
    'after delayMs',
  ),
  mutant(
    'queue: nothing is a dead letter',
    reach,
    'if (deliveries >= this.#items.deliveriesMax) ',
    'if (deliveries < 0) ',
    queueSpec,
    'deadLetters',
  ),
  mutant(
    'queue: done segments stay',
    reach,
    'if (isDoneWith(segment, this.#done)) ',
    'if (segment.count < 0) ',
    queueSpec,
    'several segments',
  ),
  mutant(
    'queue: a claim whose caller has gone is kept',
    seeker,
    'if (seeking === undefined) this.abandon(found.id, found.nonce, { isUntouched: true });',
    'if (seeking === undefined) return;',
    queueSpec,
    'then holds nothing',
  ),
  mutant(
    'queue: a claim of which nothing is known is kept',
    seeker,
    '    this.abandon(id, nonce, { isUntouched: true });\n    return undefined;',
    '    return undefined;',
    queueSpec,
    'could not learn in time',
  ),
  mutant(
    'queue: what could not be given back is kept',
    job,
    '.catch(() => this.#seeker.abandon(this.id, this.#nonce))',
    '.catch(() => false)',
    queueSpec,
    'given back later',
  ),
  mutant(
    'queue: an entry comes before its job',
    queue,
    '    await this.#items.job(id).atom.reset(freshJob(payload, group), limits);\n    await this.#items.append(entryOf(id, group), limits);',
    '    await this.#items.append(entryOf(id, group), limits);\n    await this.#session.table.sources.clock.sleep(15_000);\n    await this.#items.job(id).atom.reset(freshJob(payload, group), limits);',
    queueBooks,
  ),
  mutant(
    'queue: a dead letter is lost on its way',
    queue,
    '    await this.deadLetters.#items.adopt(id, entryOf(id, group), letter, group);\n',
    '    void letter;\n',
    queueSpec,
    'deadLetters',
  ),
];
