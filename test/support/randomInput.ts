/** Random inputs for a contract's calls: shaped like the schema, then spoiled here and there. */
import type { Random } from '#shared/base/random.ts';
import type { Schema } from '#shared/contract/define.ts';

interface Introspected {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly item?: Schema;
  readonly items?: readonly Schema[];
  readonly wrapped?: Schema;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly key?: Schema;
  readonly value?: Schema;
}

export interface InputPool {
  /** Strings that mean something here: identifiers, paths. */
  readonly strings: readonly string[];
}

export const hostileStrings = [
  '',
  ' ',
  '\0',
  '../../etc/passwd',
  '..\\..\\windows\\win.ini',
  'C:\\x',
  '\\\\host\\share',
  "'; DROP TABLE cases; --",
  '" OR 1=1',
  '${7*7}',
  '<script>alert(1)</script>',
  '%00',
  '\u202e\ufeff',
  '🩻'.repeat(50),
  'constructor',
  '__proto__',
  'toString',
  'x'.repeat(5000),
  'NaN',
  '-1',
  '1e309',
  '{"$bytes":0}',
  'null',
] as const;

/** Anything at all; what JSON cannot carry becomes something that it can. */
export function hostileValue(random: Random): unknown {
  const pick = random.integer(16);
  switch (pick) {
    case 0:
      return null;
    case 1:
      return random.integer(2) === 0;
    case 2:
      return -1;
    case 3:
      return 2 ** 53;
    case 4:
      return 1e308;
    case 5:
      return 0.5;
    case 6:
      return [];
    case 7:
      return {};
    case 8:
      return new Array(random.integer(2000)).fill(hostileStrings[random.integer(hostileStrings.length)]);
    case 9:
      return JSON.parse('{"__proto__":{"polluted":true}}') as unknown;
    case 10:
      return { constructor: { prototype: { polluted: true } } };
    case 11:
      return { $bytes: random.integer(5) };
    case 12:
      return new Uint8Array(random.integer(64)).map(() => random.integer(256));
    case 13:
      return nested(random.integer(40));
    default:
      return hostileStrings[random.integer(hostileStrings.length)];
  }
}

/** A value for a schema; each part of it is spoiled with probability `spoil`. */
export function randomInput(schema: Schema, random: Random, pool: InputPool, spoil: number): unknown {
  if (random.next() < spoil) return hostileValue(random);
  const shape = schema as unknown as Introspected;
  const part = (inner: Schema): unknown => randomInput(inner, random, pool, spoil);
  switch (shape.type) {
    case 'strict_object': {
      const result: Record<string, unknown> = {};
      for (const [key, inner] of Object.entries(shape.entries ?? {})) {
        const isOptional = (inner as unknown as Introspected).type === 'optional';
        if (!isOptional || random.next() < 0.6) result[key] = part(inner);
      }
      if (random.next() < spoil) result[hostileStrings[random.integer(hostileStrings.length)] ?? ''] = hostileValue(random);
      return result;
    }
    case 'array':
      return Array.from({ length: random.integer(4) }, () => part(shape.item as Schema));
    case 'strict_tuple':
      return (shape.items ?? []).map(part);
    case 'optional':
      return part(shape.wrapped as Schema);
    case 'nullable':
      return random.next() < 0.3 ? null : part(shape.wrapped as Schema);
    case 'picklist':
      return shape.options?.[random.integer(shape.options.length)];
    case 'union':
    case 'variant':
      return part(shape.options?.[random.integer(shape.options.length)] as Schema);
    case 'literal':
      return shape.literal;
    case 'boolean':
      return random.integer(2) === 0;
    case 'number':
      return [0, 1, 2, random.integer(1000), random.uniform(-5, 5), 1e9][random.integer(6)];
    case 'record':
      return { [String(part(shape.key as Schema))]: part(shape.value as Schema) };
    case 'custom':
      return new Uint8Array(random.integer(200)).map(() => random.integer(256));
    case 'string':
      return pool.strings[random.integer(pool.strings.length)];
    default:
      return hostileValue(random);
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}
