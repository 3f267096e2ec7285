/** The atom that says which generation of a view is served, and which one is being built. */
import type { AtomTable, ItemAtom } from '../../atom/index.js';
import { type Generation, generationsOf, type ViewState, type ViewWork, viewName } from './generation.js';
import type { AnyView } from './view.js';
import { ViewRebuildingError, ViewSourceError, ViewVersionError } from './view-errors.js';

/** A rebuild that was not heard of for so long may be gone on with by another process. Nothing depends on its being dead. */
export const silenceMs = 30_000;

/** Who wants to rebuild. */
export interface Claim {
  readonly owner: string;
  readonly source: string;
  readonly takeOver: boolean;
}

export class ViewPointer {
  readonly view: AnyView;
  /** The beginning of the names of all that the view keeps. */
  readonly name: string;
  readonly #table: AtomTable;
  readonly #atom: ItemAtom<ViewState>;

  constructor(table: AtomTable, store: string, view: AnyView) {
    this.view = view;
    this.name = viewName(store, view.name);
    this.#table = table;
    this.#atom = table.atomOf<ViewState>(table.keyNamed(this.name));
  }

  get atom(): ItemAtom<ViewState> {
    return this.#atom;
  }

  read(signal?: AbortSignal): Promise<ViewState | undefined> {
    return this.#atom.deref({ signal });
  }

  /**
   * Generations that this version of the view is to feed from `source`; the first one is begun, if there is none.
   *
   * @throws {ViewVersionError} `ERR_VIEW_VERSION`, {@link ViewSourceError} `ERR_VIEW_SOURCE`
   */
  async toFeed(source: string, signal?: AbortSignal): Promise<readonly Generation[]> {
    let stands = await this.read(signal);
    if (stands === undefined) {
      const serving: Generation = { id: 1, version: this.view.version, source };
      stands = await this.#atom.swap((state) => state ?? { next: 2, serving }, { signal });
    }
    const all = generationsOf(stands);
    const { name, version } = this.view;
    const own = all.filter((one) => one.version === version);
    if (own.length === 0) throw new ViewVersionError(name, version, (all[0] as Generation).version);
    const fed = own.filter((one) => one.source === source);
    if (fed.length === 0) throw new ViewSourceError(name, source, (own[0] as Generation).source);
    return fed;
  }

  /**
   * Begins a rebuild, or goes on with one whose process is silent.
   *
   * @throws {ViewRebuildingError} `ERR_VIEW_REBUILDING`
   */
  async claim({ owner, source, takeOver }: Claim, signal?: AbortSignal): Promise<ViewWork> {
    const { version, name } = this.view;
    const heardAt = this.#now();
    const state = await this.#atom.swap(
      (stands = { next: 1 }) => {
        const { work, next } = stands;
        if (work !== undefined && work.owner !== owner && !takeOver && heardAt - work.heardAt < silenceMs) {
          throw new ViewRebuildingError(name, work.heardAt);
        }
        const isOurs = work?.generation.version === version && work.generation.source === source;
        // One of another kind is over, also when it is served already: what is asked for is made, and what it left to be deleted goes then.
        if (work !== undefined && isOurs) return { ...stands, work: { ...work, owner, heardAt } };
        const generation: Generation = { id: next, version, source };
        return { ...stands, next: next + 1, work: { generation, phase: 'building', owner, heardAt } };
      },
      { signal },
    );
    return state.work as ViewWork;
  }

  /** Says that this rebuild is alive. @throws {ViewRebuildingError} `ERR_VIEW_REBUILDING`: it is another's now. */
  beat(owner: string, signal?: AbortSignal): Promise<ViewState> {
    return this.#own(owner, (state) => state, signal);
  }

  /** What was built is served from now on. */
  async turn(owner: string, signal?: AbortSignal): Promise<void> {
    await this.#own(
      owner,
      (state, work) => ({ ...state, serving: work.generation, work: { ...work, phase: 'closing' } }),
      signal,
    );
  }

  /** Nothing is left to be done. */
  async end(owner: string, signal?: AbortSignal): Promise<void> {
    await this.#own(owner, ({ work: _work, ...state }) => state, signal);
  }

  #own(
    owner: string,
    next: (state: ViewState, work: ViewWork) => ViewState,
    signal: AbortSignal | undefined,
  ): Promise<ViewState> {
    const heardAt = this.#now();
    return this.#atom.swap(
      (stands) => {
        const { work } = stands ?? {};
        if (stands === undefined || work?.owner !== owner) {
          throw new ViewRebuildingError(this.view.name, work?.heardAt ?? heardAt);
        }
        const heard = { ...work, heardAt };
        return next({ ...stands, work: heard }, heard);
      },
      { signal },
    );
  }

  #now(): number {
    return Math.floor(this.#table.sources.clock.now());
  }
}
