// TS 24.623 6, 24.604 4.9, 24.611 4.9: what a simservs document says of the services that this device knows.
import { err, ok, type Result } from '#src/base/result.ts';
import { attribute, childElements, childText, type Element, elementsIn, parseXml } from '#src/base/xml.ts';
import {
  BARRINGS,
  type BarringName,
  CAPABILITIES,
  CDIV,
  COMMON_POLICY_NS,
  FORWARDINGS,
  type ForwardingName,
  MOST_OCTETS,
  type RuleRow,
  SIMSERVS_NS,
  SWITCHES,
  type SwitchName,
  type SwitchRow,
} from './vocabulary.ts';

export interface ServiceState {
  /** The network has the service for this user. */
  readonly provisioned: boolean;
  readonly active: boolean;
}

export interface ForwardingState extends ServiceState {
  /** Also while it is off, where the network keeps it. */
  readonly target?: string;
}

export interface ServicesView {
  readonly forwarding: Readonly<Record<ForwardingName, ForwardingState>>;
  readonly no_reply_seconds?: number;
  readonly barring: Readonly<Record<BarringName, ServiceState>>;
  readonly switches: Readonly<Record<SwitchName, ServiceState>>;
}

export const RESTRICTED = 'presentation-restricted';
export const NOT_RESTRICTED = 'presentation-not-restricted';

/** The root of a document. The error is a sentence. */
export function readDocument(body: Buffer): Result<Element, string> {
  const root = parseXml(body, { octets: MOST_OCTETS });
  if (!root.ok) return root;
  const { namespaceURI, localName } = root.value;
  return namespaceURI === SIMSERVS_NS && localName === 'simservs'
    ? root
    : err(`its root is ${localName ?? ''}, not simservs`);
}

export const ss = (element: Element, name: string): Element | undefined =>
  childElements(element, SIMSERVS_NS, name)[0];
export const cp = (element: Element, name: string): Element | undefined =>
  childElements(element, COMMON_POLICY_NS, name)[0];

/** XML Schema boolean. */
export const isFalse = (text: string | undefined): boolean => text === 'false' || text === '0';

/** 24.623 6.1: a service without the attribute is active. */
export const isActive = (service: Element | undefined): boolean =>
  service !== undefined && !isFalse(attribute(service, 'active'));

export function rulesOf(service: Element): Element[] {
  return childElements(service, COMMON_POLICY_NS, 'ruleset').flatMap((ruleset) =>
    childElements(ruleset, COMMON_POLICY_NS, 'rule'),
  );
}

const conditionsOf = (rule: Element): Element[] =>
  childElements(rule, COMMON_POLICY_NS, 'conditions').flatMap(elementsIn);

export const isDeactivated = (rule: Element): boolean =>
  conditionsOf(rule).some(
    ({ namespaceURI, localName }) => namespaceURI === SIMSERVS_NS && localName === 'rule-deactivated',
  );

/** The conditions but for the one that switches a rule off. */
const meaning = (rule: Element): Element[] =>
  conditionsOf(rule).filter(
    ({ namespaceURI, localName }) => namespaceURI !== SIMSERVS_NS || localName !== 'rule-deactivated',
  );

const isAudio = (condition: Element): boolean =>
  condition.namespaceURI === SIMSERVS_NS &&
  condition.localName === 'media' &&
  condition.textContent?.trim().toLowerCase() === 'audio';

function hasMeaning(conditions: readonly Element[], wanted: string | undefined): boolean {
  const [first] = conditions;
  if (wanted === undefined) return first === undefined;
  return conditions.length === 1 && first?.namespaceURI === SIMSERVS_NS && first.localName === wanted;
}

/** A rule that allows is somebody's list of exceptions (24.611 4.9.1.3). */
function hasAction(rule: Element, row: RuleRow<string>): boolean {
  const actions = cp(rule, 'actions');
  if (!actions) return false;
  if (row.element === CDIV) return ss(actions, 'forward-to') !== undefined;
  return isFalse(childText(actions, SIMSERVS_NS, 'allow'));
}

function isOf(rule: Element, row: RuleRow<string>): boolean {
  if (!hasAction(rule, row)) return false;
  const conditions = meaning(rule);
  if (hasMeaning(conditions, row.condition)) return true;
  const others = conditions.filter((condition) => !isAudio(condition));
  return others.length < conditions.length && hasMeaning(others, row.condition);
}

/** The rules that are the service: its condition and no other. Networks that tell media apart have one for sound. */
export const rulesFor = (service: Element, row: RuleRow<string>): Element[] =>
  rulesOf(service).filter((rule) => isOf(rule, row));

/** Takes effect when its service does (24.604 4.9.1.4: an empty target is no registered one). */
export const isEffective = (rule: Element, row: RuleRow<string>): boolean =>
  !isDeactivated(rule) && (row.element !== CDIV || targetOf(rule) !== undefined);

/** Of them the one that counts. */
export function ruleOf(service: Element, row: RuleRow<string>): Element | undefined {
  const rules = rulesFor(service, row);
  return (
    rules.find((rule) => isEffective(rule, row)) ??
    rules.find((rule) => targetOf(rule) !== undefined) ??
    rules[0]
  );
}

/** Whether the network lets this user have a condition; what it does not speak of it has. */
export function mayHave(root: Element, service: string, condition: string): boolean {
  const all = CAPABILITIES[service];
  const conditions = all === undefined ? undefined : ss(root, all);
  const list = conditions && ss(conditions, 'serv-cap-conditions');
  const entry = list && ss(list, `serv-cap-${condition}`);
  return !entry || !isFalse(attribute(entry, 'provisioned'));
}

/** 24.604 4.9.1.4: numbers alone, where the network says so. */
export function onlyNumbers(root: Element): boolean {
  const capabilities = ss(root, CAPABILITIES[CDIV] ?? '');
  const actions = capabilities && ss(capabilities, 'serv-cap-actions');
  const target = actions && ss(actions, 'serv-cap-target');
  return target !== undefined && ss(target, 'telephony-type') !== undefined;
}

export function targetOf(rule: Element): string | undefined {
  const actions = cp(rule, 'actions');
  const forward = actions && ss(actions, 'forward-to');
  return forward && childText(forward, SIMSERVS_NS, 'target');
}

export const isProvisioned = (root: Element, row: RuleRow<string>): boolean =>
  ss(root, row.element) !== undefined && mayHave(root, row.element, row.condition ?? 'unconditional');

function ruleState(root: Element, row: RuleRow<string>): ForwardingState {
  const service = ss(root, row.element);
  const rule = service && ruleOf(service, row);
  const target = rule && targetOf(rule);
  return {
    provisioned: isProvisioned(root, row),
    active: rule !== undefined && isActive(service) && isEffective(rule, row),
    ...(target === undefined ? {} : { target }),
  };
}

/** 24.608 4.9.2: an empty or missing element restricts. */
export function restricts(service: Element): boolean {
  const behaviour = childText(service, SIMSERVS_NS, 'default-behaviour');
  return behaviour === undefined || behaviour.toLowerCase() === RESTRICTED;
}

function switchState(root: Element, row: SwitchRow): ServiceState {
  const service = ss(root, row.element);
  if (!service) return { provisioned: false, active: false };
  return { provisioned: true, active: isActive(service) && (!row.restricts || restricts(service)) };
}

const SECONDS = /^\d{1,6}$/;

function noReply(root: Element): number | undefined {
  const service = ss(root, CDIV);
  const text = service && childText(service, SIMSERVS_NS, 'NoReplyTimer');
  return text !== undefined && SECONDS.test(text) ? Number(text) : undefined;
}

/** By name; the names of the rows are all names. */
function byName<Name extends string, Row extends { readonly name: Name }, State>(
  rows: readonly Row[],
  stateOf: (row: Row) => State,
): Readonly<Record<Name, State>> {
  return Object.fromEntries(rows.map((row) => [row.name, stateOf(row)])) as Record<Name, State>;
}

export function viewOf(root: Element): ServicesView {
  const seconds = noReply(root);
  return {
    forwarding: byName(FORWARDINGS, (row) => ruleState(root, row)),
    ...(seconds === undefined ? {} : { no_reply_seconds: seconds }),
    barring: byName(BARRINGS, (row) => ruleState(root, row)),
    switches: byName(SWITCHES, (row) => switchState(root, row)),
  };
}

/** Bytes to what they say. */
export function readServices(body: Buffer): Result<ServicesView, string> {
  const root = readDocument(body);
  return root.ok ? ok(viewOf(root.value)) : root;
}
