// Goal: what the service would refuse is refused when it is defined, with the rule and the value.
import { describe, expect, it } from '@jest/globals';
import { attributeNamesDefault } from '../../lib/atom/index.js';
import { defineTable, features, policyFor, type TableDefinitionOptions, terraform } from '../../lib/infra/index.js';

const place = { region: 'eu-west-1', account: '111122223333' };
const index = (name: string, attribute: string, type: 'S' | 'N' | 'B' = 'S') => ({
  name,
  partitionKey: { name: attribute, type },
});

describe('defineTable()', () => {
  it('fills in what is not said', () => {
    expect(defineTable({ tableName: 'order-state.v2' })).toEqual({
      tableName: 'order-state.v2',
      logicalId: 'OrderStateV2Table',
      keyName: 'id',
      sortKeyName: undefined,
      attributeNames: attributeNamesDefault,
      timeToLiveAttribute: 'x',
      streamViewType: undefined,
      indexes: [],
      billing: { mode: 'on-demand' },
      pointInTimeRecovery: true,
      deletionProtection: true,
      encryption: 'aws-owned',
      tags: {},
      roles: {},
    });
    expect(defineTable({ tableName: '0-table' }).logicalId).toBe('T0Table');
    expect(defineTable({ tableName: '...' }).logicalId).toBe('TTable');
    expect(defineTable({ tableName: 'a-1', timeToLive: false }).timeToLiveAttribute).toBeUndefined();
    expect(defineTable({ tableName: 'a-1', attributeNames: { expiresAt: 'ttl' } }).timeToLiveAttribute).toBe('ttl');
  });

  it('is a copy of its own, frozen', () => {
    const tags: Record<string, string> = { team: 'a' };
    const definition = defineTable({ tableName: 'state', tags, roles: { App: ['read'] } });
    tags.team = 'b';
    expect(definition.tags).toEqual({ team: 'a' });
    expect(Object.isFrozen(definition.roles.App?.features)).toBe(true);
  });

  const refused: readonly (readonly [Partial<Record<keyof TableDefinitionOptions, unknown>>, string])[] = [
    [{ tableName: 'ab' }, 'RangeError: Cannot define a table: tableName must be 3 to 255 of a-z A-Z 0-9 _ . -: ab'],
    [{ tableName: 'a/b/c' }, 'RangeError: Cannot define a table: tableName must be 3 to 255'],
    [{ tableName: 'a'.repeat(256) }, 'RangeError: Cannot define a table: tableName must be 3 to 255'],
    [{ tableName: 7 }, 'TypeError: Cannot define a table: tableName must be a string: number'],
    [{ logicalId: 'a-b' }, 'RangeError: Cannot define table state: logicalId must be a letter and up to 199 more'],
    [{ logicalId: 7 }, 'TypeError: Cannot define table state: logicalId must be a string: number'],
    [{ keyName: '' }, 'RangeError: Cannot define table state: the name of a key must have 1 to 255 bytes'],
    [{ keyName: 'é'.repeat(128) }, 'RangeError: Cannot define table state: the name of a key must have 1 to 255 bytes'],
    [{ keyName: 5 }, 'TypeError: Cannot define table state: the name of a key must be a string: number'],
    [{ keyName: 'd' }, 'RangeError: Cannot define table state: a key must not be an attribute of the item format'],
    [{ sortKeyName: 'id' }, 'RangeError: Cannot define table state: keyName and sortKeyName must differ: id'],
    [{ attributeNames: { data: 't' } }, 'RangeError: Cannot define table state: attributeNames must differ'],
    [
      { indexes: [index('by', 'status')] },
      'RangeError: Cannot define table state: the name of an index must be 3 to 255',
    ],
    [
      { indexes: [index(7 as never, 'status')] },
      'TypeError: Cannot define table state: the name of an index must be a string',
    ],
    [
      { indexes: [index('by-a', 'v', 'N')] },
      'RangeError: Cannot define table state: a key must not be an attribute of the item',
    ],
    [
      { indexes: [index('by-a', 'a'), index('by-a', 'b')] },
      'RangeError: Cannot define table state: the names of indexes must differ',
    ],
    [
      { indexes: [index('by-a', 'a'), index('by-b', 'a', 'N')] },
      'RangeError: Cannot define table state: key a must have one type: S, N',
    ],
    [{ indexes: [index('by-a', 'id', 'N')] }, 'RangeError: Cannot define table state: key id must have one type: S, N'],
    [
      { indexes: [index('by-a', 'a', 'X' as 'S')] },
      'RangeError: Cannot define table state: the type of key a must be S, N or B: X',
    ],
    [
      { indexes: [{ ...index('by-a', 'a'), sortKey: { name: 'a', type: 'S' } }] },
      'RangeError: Cannot define table state: the keys of index by-a must differ: a',
    ],
    [
      { indexes: Array.from({ length: 21 }, (_, i) => index(`by-${i}`, `a${i}`)) },
      'RangeError: Cannot define table state: indexes must be at most 20: 21',
    ],
    [
      { streamViewType: 'ALL' },
      'RangeError: Cannot define table state: streamViewType must be one of KEYS_ONLY, NEW_IMAGE',
    ],
    [
      { billing: { mode: 'free' } },
      'RangeError: Cannot define table state: billing.mode must be on-demand or provisioned: free',
    ],
    [
      { billing: { mode: 'provisioned', readUnits: 0, writeUnits: 1 } },
      'RangeError: Cannot define table state: billing.readUnits must be a positive integer: 0',
    ],
    [
      { billing: { mode: 'provisioned', readUnits: 1, writeUnits: 1.5 } },
      'RangeError: Cannot define table state: billing.writeUnits must be a positive integer: 1.5',
    ],
    [
      { deletionProtection: 'yes' },
      'TypeError: Cannot define table state: deletionProtection must be a boolean: string',
    ],
    [
      { encryption: 'kms' },
      'RangeError: Cannot define table state: encryption must be aws-owned, aws-managed, or { kmsKeyArn }',
    ],
    [
      { encryption: { kmsKeyArn: 'alias/mine' } },
      'RangeError: Cannot define table state: encryption.kmsKeyArn must be the ARN of a key',
    ],
    [{ tags: { 'aws:x': '1' } }, 'RangeError: Cannot define table state: the name of a tag must be 1 to 128'],
    [{ tags: { x: 'a'.repeat(257) } }, 'RangeError: Cannot define table state: tag x must be at most 256'],
    [{ tags: { x: 1 } }, 'TypeError: Cannot define table state: tag x must be a string: number'],
    [
      { tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, ''])) },
      'RangeError: Cannot define table state: tags must be at most 50: 51',
    ],
    [
      { deletionprotection: false } as object,
      'TypeError: Cannot define a table: there is no option deletionprotection',
    ],
    [{ roles: { app: ['read'] } }, 'RangeError: Cannot define table state: the name of a role must be a capital'],
    [{ roles: { App: [] } }, 'RangeError: Cannot define table state: role App must have features: none'],
    [{ roles: { App: 'read' } }, 'TypeError: Cannot define role App of table state: must be given an object: read'],
    [
      { roles: { App: { feature: ['read'] } } },
      'TypeError: Cannot define role App of table state: there is no option feature',
    ],
    [
      { roles: { App: { features: 'read' } } },
      'TypeError: Cannot define table state: the features of role App must be a list',
    ],
    [{ roles: { App: ['reed'] } }, 'TypeError: Cannot define table state: role App must have features of read, write'],
    [
      { roles: { App: ['query'] } },
      'RangeError: Cannot define table state: role App must not query indexes where the table has none',
    ],
    [
      { roles: { App: ['scan-partition'] } },
      'RangeError: Cannot define table state: role App must not scan partitions where there is no sort key',
    ],
    [
      { roles: { App: ['stream'] } },
      'RangeError: Cannot define table state: role App must not have stream without a streamViewType',
    ],
    [
      { roles: { App: { features: ['sweep'], leadingKeys: ['a*'] } } },
      "RangeError: Cannot define table state: leadingKeys of role App must not stand beside what they can't limit: Scan",
    ],
    [
      { roles: { App: { features: ['read'], leadingKeys: [] } } },
      'RangeError: Cannot define table state: leadingKeys of role App must have patterns: none',
    ],
    [
      { roles: { App: { features: ['read'], leadingKeys: [''] } } },
      'TypeError: Cannot define table state: a pattern in leadingKeys of role App must be a non-empty string',
    ],
    [
      { roles: { App: { features: ['read'], leadingKeys: 'a*' } } },
      'TypeError: Cannot define table state: leadingKeys of role App must be a list: string',
    ],
  ];
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options).slice(0, 80)}`, () => {
      let error: unknown;
      try {
        defineTable({ tableName: 'state', ...options } as TableDefinitionOptions);
      } catch (caught) {
        error = caught;
      }
      expect(String(error).slice(0, message.length)).toBe(message);
    });
  }

  it('refuses what is no object', () => {
    expect(() => defineTable(undefined as never)).toThrow(TypeError);
  });
});

describe('policyFor()', () => {
  const state = defineTable({ tableName: 'state', roles: { App: ['read'] } });

  it('takes the name of a role, features, or a role', () => {
    const document = policyFor(state, 'App', place);
    expect(policyFor(state, ['read'], place)).toEqual(document);
    expect(policyFor(state, { features: ['read'] }, place)).toEqual(document);
  });

  it('refuses a role or a place that there can not be', () => {
    expect(() => policyFor(state, 'toString', place)).toThrow(
      new TypeError('Cannot write a policy: table state must define the role: toString'),
    );
    expect(() => policyFor(state, ['query'], place)).toThrow(RangeError);
    for (const odd of [{ region: 'europe' }, { account: '123' }, { partition: 'azure' }]) {
      expect(() => policyFor(state, 'App', { ...place, ...odd })).toThrow(/^Cannot write a policy: there can be no/);
    }
    expect(() => policyFor(state, 'App', { ...place, account: 7 as never })).toThrow(TypeError);
  });

  it('writes ARNs for other partitions, and for all places where asked to', () => {
    const arnOf = (at: Parameters<typeof policyFor>[2]) => policyFor(state, 'App', at).Statement[0]?.Resource;
    expect(arnOf({ ...place, region: 'cn-north-1', partition: 'aws-cn' })).toEqual([
      'arn:aws-cn:dynamodb:cn-north-1:111122223333:table/state',
    ]);
    expect(arnOf({ region: '*', account: '*' })).toEqual(['arn:aws:dynamodb:*:*:table/state']);
  });

  it('says each action once, whatever the features', () => {
    const all = defineTable({
      tableName: 'state',
      sortKeyName: 'sk',
      streamViewType: 'NEW_IMAGE',
      indexes: [index('by-a', 'a')],
    });
    for (const { Action } of policyFor(all, features, place).Statement) {
      expect(Action).toEqual([...new Set(Action)].sort());
    }
  });
});

describe('terraform()', () => {
  it('refuses the name of a policy that is too long', () => {
    const long = defineTable({ tableName: 'a'.repeat(130), roles: { App: ['read'] } });
    expect(() => terraform(long)).toThrow(
      'the name of a policy must have at most 128 characters; name the role shorter',
    );
  });
});
