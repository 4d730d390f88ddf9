/** Draws the report from the data that is part of the page. */
const { settings, results, tables } = JSON.parse(document.getElementById('data').textContent);
const main = document.getElementById('report');
const colors = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#ff8ab7', '#a463f2', '#97bbf5', '#9c6b4e', '#9498a0'];

function add(parent, name, text = '') {
  const element = document.createElement(name);
  element.textContent = text;
  parent.append(element);
  return element;
}

function table(parent, head, rows) {
  const element = add(parent, 'table');
  for (const [i, cells] of [head, ...rows].entries()) {
    const row = add(element, 'tr');
    for (const cell of cells) add(row, i === 0 ? 'th' : 'td', cell);
  }
}

const percent = (cell) => {
  if (cell == null) return '';
  return cell.seeds > 1 ? `${cell.mean.toFixed(2)} ± ${cell.spread.toFixed(2)}` : cell.mean.toFixed(2);
};

/** The mean over seeds of lists that are as long as the shortest. */
function mean(lists) {
  const length = Math.min(...lists.map((list) => list.length));
  return Array.from({ length }, (_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);
}

function plot(parent, title, lines, xs, log) {
  if (lines.length === 0 || lines[0].values.length < 2) return;
  const length = Math.max(...lines.map(({ values }) => values.length));
  const series = lines.map(({ label }, i) => ({ label, stroke: colors[i % colors.length], width: 1.5 }));
  const data = [xs(length), ...lines.map(({ values }) => Array.from({ length }, (_, i) => values[i] ?? null))];
  const scales = { x: { time: false }, y: log ? { distr: 3 } : {} };
  const axis = { stroke: '#888', grid: { stroke: '#8883' }, ticks: { stroke: '#8883' } };
  new uPlot({ title, width: 480, height: 300, scales, axes: [axis, axis], series: [{}, ...series] }, data, add(parent, 'div'));
}

add(main, 'h1', 'Training for 8 bits and fewer: digits');
const float = results.filter(({ key }) => key === 'float');
const accuracy = float.reduce((sum, result) => sum + result.accuracy, 0) / float.length;
add(
  main,
  'p',
  `A MobileNetV2 of 28 x 28 pictures, ${float.length} seeds, ${settings.floatEpochs} epochs in float, ${settings.epochs} with 3 bits and fewer, a third of that with more. ` +
    `Float: ${accuracy.toFixed(2)} % of the test digits. Below: percent, the mean over seeds ± the largest distance from it.`,
);
for (const { group, schemes, columns, cells } of tables) {
  add(main, 'h2', group === 'main' ? 'All schemes' : group);
  table(
    main,
    ['weights/activations', ...columns],
    schemes.map((scheme, i) => [scheme, ...cells[i].map(percent)]),
  );
  for (const bits of columns) {
    const trained = schemes
      .map((scheme) => ({
        label: scheme,
        runs: results.filter((result) => result.group === group && result.scheme === scheme && result.bits === bits),
      }))
      .filter(({ runs }) => runs.length > 0 && runs[0].losses.length > 0);
    if (trained.length === 0) continue;
    const plots = add(main, 'div');
    plots.className = 'plots';
    const lines = (field) => trained.map(({ label, runs }) => ({ label, values: mean(runs.map((run) => run[field])) }));
    const byIndex = (length) => Array.from({ length }, (_, i) => i + 1);
    const epochs = trained[0].runs[0].curve.length;
    const inEpochs = (length) => Array.from({ length }, (_, i) => ((i + 0.5) * epochs) / length);
    plot(plots, `${bits}: loss by epoch`, lines('losses'), inEpochs, true);
    if (group === 'BatchNorm')
      plot(plots, `${bits}: deviation of the loss among neighbouring steps`, lines('noise'), inEpochs, true);
    plot(plots, `${bits}: accuracy after each epoch`, lines('curve'), byIndex, false);
  }
}
