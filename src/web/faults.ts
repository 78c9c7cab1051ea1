// What is wrong with a request, in words: the faults that the JSON schema validator found, for whoever reads the answer.

/** As ajv tells it. */
export interface Fault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Says nothing that the faults beside it do not say better: that none of several shapes fits. */
const CHOICES = new Set(['anyOf', 'oneOf', 'if']);

const WORDS: Readonly<Record<string, (name: string, params: Fault['params']) => string>> = {
  required: (name, { missingProperty }) => `"${join(name, missingProperty)}" is missing`,
  additionalProperties: (name, { additionalProperty }) => `"${join(name, additionalProperty)}" is unknown`,
  type: (name, { type }) => `${quoted(name)} must be ${article(String(type))}`,
  enum: (name, { allowedValues }) => `${quoted(name)} must be ${either(allowedValues)}`,
  const: (name, { allowedValue }) => `${quoted(name)} must be ${JSON.stringify(allowedValue)}`,
  minLength: (name, { limit }) =>
    limit === 1 ? `${quoted(name)} is empty` : `${quoted(name)} is shorter than ${limit} characters`,
  maxLength: (name, { limit }) => `${quoted(name)} is longer than ${limit} characters`,
  minItems: (name, { limit }) =>
    limit === 1 ? `${quoted(name)} is an empty list` : `${quoted(name)} has fewer than ${limit} items`,
  maxItems: (name, { limit }) => `${quoted(name)} has more than ${limit} items`,
  pattern: (name, { pattern }) => `${quoted(name)} must be written as ${pattern}`,
};

/** One sentence. Of several ways to be right, each is named: `"to" is missing, or "call" is missing.` */
export function faultSentence(faults: readonly Fault[]): string {
  const telling = faults.filter(({ keyword }) => !CHOICES.has(keyword));
  const words = (telling.length > 0 ? telling : faults).map(faultWords);
  const isChoice = telling.length > 0 && telling.length < faults.length;
  const sentence = [...new Set(words)].join(isChoice ? ', or ' : '; ');
  return `${sentence[0]?.toUpperCase() ?? ''}${sentence.slice(1)}.`;
}

function faultWords({ keyword, instancePath, message, params }: Fault): string {
  const name = nameOf(instancePath);
  return WORDS[keyword]?.(name, params) ?? `${quoted(name)} ${message ?? 'is wrong'}`;
}

/** `/call/dnd` is `call.dnd`, as in the configuration. */
const nameOf = (path: string): string =>
  path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');

const join = (name: string, key: unknown): string => (name === '' ? String(key) : `${name}.${String(key)}`);
const quoted = (name: string): string => (name === '' ? 'what is sent' : `"${name}"`);
const article = (type: string): string => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
const either = (values: unknown): string =>
  Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(' or ') : String(values);
