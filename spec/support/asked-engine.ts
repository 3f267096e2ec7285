/**
 * An engine that notes what each request needs permission for, as IAM sees it: the action, what it is done to, and the partition
 * keys of the items that it names.
 */
import type { Item } from '../../lib/codec/index.js';
import type { Engine, TransactAction } from '../../lib/engine/index.js';
import type { Permissions } from '../../lib/infra/index.js';

/** Wraps `engine`; all that was asked through it stands in the sets. */
export class Asked {
  readonly engine: Engine;
  /** `items:GetItem`. */
  readonly actions: Set<string> = new Set();
  readonly partitionKeys: Set<string> = new Set();
  readonly #keyName: string;

  constructor(engine: Engine, keyName = 'id') {
    this.#keyName = keyName;
    const needs = this.#needs();
    this.engine = new Proxy(engine, {
      get: (target, name) => {
        const value: unknown = target[name as keyof Engine];
        if (typeof value !== 'function') return value;
        const note = needs[name as keyof Engine];
        return (...args: unknown[]) => {
          note?.(args[0] as never);
          return value.apply(target, args);
        };
      },
    });
  }

  clear(): void {
    this.actions.clear();
    this.partitionKeys.clear();
  }

  #needs(): Readonly<Record<keyof Engine, ((request: never) => void) | undefined>> {
    const items = (action: string, keys: readonly Item[]) => this.#note('items', action, keys);
    const settings = (action: string) => () => this.#note('settings', action);
    const actionOf = {
      put: 'PutItem',
      update: 'UpdateItem',
      delete: 'DeleteItem',
      check: 'ConditionCheckItem',
    } as const;
    const keyOf = (action: TransactAction) => (action.kind === 'put' ? action.item : action.key);
    return {
      name: undefined,
      spent: undefined,
      supportsTransactions: undefined,
      get: ({ key }: Requests['get']) => items('GetItem', [key]),
      batchGet: ({ keys }: Requests['batchGet']) => items('BatchGetItem', keys),
      put: ({ item }: Requests['put']) => items('PutItem', [item]),
      update: ({ key }: Requests['update']) => items('UpdateItem', [key]),
      delete: ({ key }: Requests['delete']) => items('DeleteItem', [key]),
      batchWrite: ({ puts = [], deletes = [] }: Requests['batchWrite']) =>
        items('BatchWriteItem', [...puts, ...deletes]),
      query: ({ index, keyCondition }: Requests['query']) =>
        index === undefined
          ? items('Query', [{ [this.#keyName]: Object.values(keyCondition.values ?? {})[0] as Item[string] }])
          : this.#note('indexes', 'Query'),
      scan: () => this.#note('scans', 'Scan'),
      transactWrite: ({ actions }: Requests['transactWrite']) => {
        for (const action of actions) items(actionOf[action.kind], [keyOf(action)]);
      },
      transactGet: ({ gets }: Requests['transactGet']) =>
        items(
          'GetItem',
          gets.map(({ key }) => key),
        ),
      describeTable: settings('DescribeTable'),
      createTable: settings('CreateTable'),
      deleteTable: settings('DeleteTable'),
      describeTimeToLive: settings('DescribeTimeToLive'),
      updateTimeToLive: settings('UpdateTimeToLive'),
    };
  }

  #note(sort: Exclude<keyof Permissions, 'ownKeys'>, action: string, keys: readonly Item[] = []): void {
    this.actions.add(`${sort}:${action}`);
    for (const key of keys) this.partitionKeys.add((key[this.#keyName] as { readonly S: string }).S);
  }
}

type Requests = {
  readonly [Name in keyof Engine]: Engine[Name] extends (request: infer R, ...rest: never[]) => unknown ? R : never;
};
