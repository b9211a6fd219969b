// The page of `fittest heap report --flamegraph`: draws what the program wrote into the element "data".
import { select } from "d3-selection";
import flamegraph from "d3-flame-graph";
import "../node_modules/d3-flame-graph/dist/d3-flamegraph.css";
import "./flame.css";

// [function, place in the source or object, kind of frame]
type Frame = [string, string, "python" | "native" | "inlined" | "root"];
// [frame, bytes by measure, those it calls]
type Call = [number, number[], Call[]];
interface Measure {
  word: string;
  title: string;
}
interface Data {
  program: string;
  about: string;
  first: string;
  measures: Measure[];
  frames: Frame[];
  root: Call;
}
interface Bar {
  name: string;
  place: string;
  kind: Frame[2];
  value: number;
  children: Bar[];
}
interface Node {
  data: Bar;
  x0: number;
  x1: number;
  highlight?: boolean;
}

function element<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

const data: Data = JSON.parse(element("data").textContent ?? "");
const measureBox = element<HTMLSelectElement>("measure");
const invertedBox = element<HTMLInputElement>("inverted");
const searchBox = element<HTMLInputElement>("search");
const chartPlace = element("chart");

// As the program's own reports write it: units of 1024, one digit behind the point below 10.
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.length) {
    bytes /= 1024;
    ++unit;
  }
  return (unit > 0 && bytes < 9.95 ? bytes.toFixed(1) : bytes.toFixed(0)) + " " + units[unit];
}

function barsOf(call: Call, measure: number): Bar {
  const [name, place, kind] = data.frames[call[0]];
  const children = call[2].filter((child) => child[1][measure] > 0).map((child) => barsOf(child, measure));
  return { name, place, kind, value: call[1][measure], children };
}

// A colour for each kind of frame, a shade for each name: the same function looks the same everywhere.
function colourOf(node: Node): string {
  if (node.highlight) return "#c74fe0";
  if (node.data.kind === "root") return "#b9b9b9";
  let hash = 0;
  for (const letter of node.data.name) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  const shade = hash % 100;
  if (node.data.kind === "python") return `hsl(${205 + shade * 0.3}, 65%, ${68 + shade * 0.12}%)`;
  const hue = node.data.kind === "inlined" ? 70 : 20;
  return `hsl(${hue + shade * 0.3}, 75%, ${66 + shade * 0.12}%)`;
}

function shownMeasure(): number {
  return Math.max(0, data.measures.findIndex((measure) => measure.word === measureBox.value));
}

let chart: ReturnType<typeof flamegraph> | undefined;

function draw(): void {
  const measure = shownMeasure();
  const root = barsOf(data.root, measure);
  const share = (node: Node) => ((100 * node.data.value) / Math.max(root.value, 1)).toFixed(1) + " %";
  element("figure").textContent = `${data.measures[measure].title}: ${formatBytes(root.value)}`;
  chartPlace.replaceChildren();
  element("details").textContent = "";
  if (root.value <= 0) return;
  chart = flamegraph()
    .width(Math.max(chartPlace.clientWidth - 32, 320))
    .cellHeight(19)
    .minFrameSize(1)
    .transitionDuration(150)
    .inverted(!invertedBox.checked)
    .sort((a: Node, b: Node) => b.data.value - a.data.value)
    .setColorMapper(colourOf)
    .setLabelHandler((node: Node) =>
      [node.data.name, node.data.place, formatBytes(node.data.value), share(node)].filter((part) => part).join("  "))
    .setDetailsElement(element("details"))
    .setSearchHandler((_: Node[], sum: number) => {
      element("details").textContent =
        `found: ${formatBytes(sum)}, ${((100 * sum) / root.value).toFixed(1)} % of ${formatBytes(root.value)}`;
    })
    .setSearchMatch((node: Node, term: string) => matches(node.data, term));
  select(chartPlace).datum(root).call(chart);
  search();
}

function matches(bar: Bar, term: string): boolean {
  const text = `${bar.name} ${bar.place}`;
  try {
    return new RegExp(term, "i").test(text);
  } catch {
    return text.toLowerCase().includes(term.toLowerCase());
  }
}

function search(): void {
  if (!chart) return;
  if (searchBox.value) chart.search(searchBox.value);
  else chart.clear();
}

document.title = `${data.program}: heap`;
element("program").textContent = data.program;
element("about").textContent = data.about;
for (const measure of data.measures) measureBox.add(new Option(measure.title, measure.word));
measureBox.value = new URLSearchParams(location.hash.slice(1)).get("show") ?? data.first;
if (measureBox.selectedIndex < 0) measureBox.selectedIndex = 0;
measureBox.addEventListener("change", () => {
  history.replaceState(null, "", `#show=${measureBox.value}`);
  draw();
});
invertedBox.addEventListener("change", draw);
searchBox.addEventListener("input", search);
element("reset").addEventListener("click", () => {
  searchBox.value = "";
  chart?.clear();
  chart?.resetZoom();
});
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = window.setTimeout(draw, 150);
});
draw();
