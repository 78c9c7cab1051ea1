// TS 24.604 4.9.2, 24.611 4.9.2, 24.608 4.9.2, RFC 4745 13.2, TS 24.623 6.2: what a document may say, and what its owner may change.
import { childElements, type Element, elementsIn, serializeXml } from '#src/base/xml.ts';
import { COMMON_POLICY_NS, NO_REPLY_RANGE, SIMSERVS_NS } from '#src/services/ut/vocabulary.ts';

export interface DocumentFault {
  readonly error: string;
  readonly phrase: string;
}

const schema = (phrase: string): DocumentFault => ({ error: 'schema-validation-error', phrase });
const rules = (phrase: string): DocumentFault => ({ error: 'constraint-failure', phrase });

const BOOLEAN = /^\s*(?:true|false|0|1)\s*$/;
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/;

/** Elements of the schema by name; those of other namespaces stand where the schema lets them. */
type Check = (element: Element) => DocumentFault | undefined;

const text = (element: Element): string => element.textContent?.trim() ?? '';
const boolean: Check = (element) =>
  BOOLEAN.test(element.textContent ?? '') ? undefined : schema(`${element.localName} is true or false`);

const first = (...checks: readonly (() => DocumentFault | undefined)[]): DocumentFault | undefined => {
  for (const check of checks) {
    const fault = check();
    if (fault) return fault;
  }
  return undefined;
};

/** The children are these, in this order, each once at most. */
function inOrder(element: Element, names: readonly string[]): DocumentFault | undefined {
  const ranks = elementsIn(element).map(({ localName }) => names.indexOf(localName ?? ''));
  const wrong = ranks.some((rank, index) => rank < 0 || (index > 0 && rank <= (ranks[index - 1] ?? -1)));
  return wrong ? schema(`${element.localName} holds ${names.join(', ')}, in this order`) : undefined;
}

const FORWARD_TO = [
  'target',
  'notify-caller',
  'reveal-identity-to-caller',
  'reveal-served-user-identity-to-caller',
  'notify-served-user',
  'notify-served-user-on-outbound-call',
  'reveal-identity-to-target',
];

function forwardTo(element: Element): DocumentFault | undefined {
  const [target] = childElements(element, SIMSERVS_NS, 'target');
  return first(
    () => inOrder(element, FORWARD_TO),
    () => (target ? undefined : schema('forward-to names a target')),
    () => (target && text(target) !== '' && !URI.test(text(target)) ? schema('target is a URI') : undefined),
    () => childElements(element, SIMSERVS_NS, 'notify-caller').map(boolean).find(Boolean),
  );
}

function rule(element: Element): DocumentFault | undefined {
  const actions = childElements(element, COMMON_POLICY_NS, 'actions').flatMap(elementsIn);
  return first(
    () => (element.getAttribute('id') ? undefined : schema('a rule has an id')),
    () => inOrder(element, ['conditions', 'actions', 'transformations']),
    () =>
      actions
        .filter(({ namespaceURI }) => namespaceURI === SIMSERVS_NS)
        .map((action) =>
          action.localName === 'forward-to'
            ? forwardTo(action)
            : action.localName === 'allow'
              ? boolean(action)
              : schema(`${action.localName} is no action`),
        )
        .find(Boolean),
  );
}

function ruleset(element: Element): DocumentFault | undefined {
  const all = childElements(element, COMMON_POLICY_NS, 'rule');
  const ids = all.map((each) => each.getAttribute('id'));
  return first(
    () => (all.length === elementsIn(element).length ? undefined : schema('a ruleset holds rules')),
    () => all.map(rule).find(Boolean),
    () =>
      new Set(ids).size === ids.length
        ? undefined
        : { error: 'uniqueness-failure', phrase: 'two rules have one id' },
  );
}

function noReplyTimer(element: Element): DocumentFault | undefined {
  const { least, most } = NO_REPLY_RANGE;
  const seconds = Number(text(element));
  return /^\d+$/.test(text(element)) && seconds >= least && seconds <= most
    ? undefined
    : schema(`NoReplyTimer is ${least} to ${most}`);
}

const withRules =
  (...names: readonly string[]): Check =>
  (element) =>
    first(
      () => inOrder(element, names),
      () => childElements(element, SIMSERVS_NS, 'NoReplyTimer').map(noReplyTimer).find(Boolean),
      () => childElements(element, COMMON_POLICY_NS, 'ruleset').map(ruleset).find(Boolean),
    );

const restriction: Check = (element) =>
  first(
    () => inOrder(element, ['default-behaviour']),
    () =>
      elementsIn(element).every((each) => /^presentation-(?:not-)?restricted$/.test(text(each)))
        ? undefined
        : schema('default-behaviour is presentation-restricted or presentation-not-restricted'),
  );

const empty: Check = (element) =>
  elementsIn(element).length === 0 ? undefined : schema(`${element.localName} holds nothing`);

const SERVICES: Readonly<Record<string, Check>> = {
  'communication-diversion': withRules('NoReplyTimer', 'ruleset'),
  'incoming-communication-barring': withRules('ruleset'),
  'outgoing-communication-barring': withRules('ruleset'),
  'originating-identity-presentation': empty,
  'originating-identity-presentation-restriction': restriction,
  'terminating-identity-presentation': empty,
  'terminating-identity-presentation-restriction': restriction,
  'communication-waiting': empty,
};

function service(element: Element): DocumentFault | undefined {
  const active = element.getAttribute('active');
  if (active !== null && !BOOLEAN.test(active)) return schema('active is true or false');
  return SERVICES[element.localName ?? '']?.(element);
}

/** What is wrong with a document by the schema. */
export function schemaFault(root: Element): DocumentFault | undefined {
  if (root.namespaceURI !== SIMSERVS_NS || root.localName !== 'simservs')
    return schema('the root is simservs');
  const services = elementsIn(root);
  const strange = services.find(({ namespaceURI }) => namespaceURI !== SIMSERVS_NS);
  if (strange) return schema(`${strange.localName} does not stand directly in simservs`);
  return services.map(service).find(Boolean);
}

const READ_ONLY = /-serv-cap$/;
const keyOf = (element: Element): string => element.localName ?? '';
const attributesOf = (element: Element): string =>
  [...element.attributes]
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('xmlns'))
    .sort()
    .join(' ');

/** 24.623 6.2: services are set up by the operator; their owner fills them, and makes and removes none. */
export function policyFault(before: Element, after: Element): DocumentFault | undefined {
  const [old, now] = [elementsIn(before), elementsIn(after)];
  const added = now.find((one) => !old.some((other) => keyOf(other) === keyOf(one)));
  if (added) return rules(`${keyOf(added)} is not set up for this user`);
  if (old.map(keyOf).sort().join(' ') !== now.map(keyOf).sort().join(' '))
    return rules('a service is not removed, and none stands twice');
  for (const one of now) {
    const other = old.find((each) => keyOf(each) === keyOf(one));
    if (!other) continue;
    if (READ_ONLY.test(keyOf(one)) && serializeXml(one) !== serializeXml(other))
      return rules(`${keyOf(one)} is not changed`);
    if (attributesOf(one) !== attributesOf(other))
      return rules(`attributes of ${keyOf(one)} are neither made nor removed`);
  }
  return undefined;
}
