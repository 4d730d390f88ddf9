/** Pools of images. The largest of integers is found among the integers; averages are of real numbers. */
import type { PoolAttributes } from '../../../ops/pooling.js';
import { windowAttributes } from './convolution.js';
import { defineActivated, type Exporters, exporter } from './exporter.js';
import { move } from './moving.js';

const maxPool2d = exporter<PoolAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { window, size, activation } = attributes;
  const [x] = inputs as readonly [string];
  const own = { kernel_shape: size, ceil_mode: window.ceil === true, ...windowAttributes(graph, window, x, size) };
  if (activation === 'none') {
    move(graph, [x], outputs, 'nchw', (values) => [graph.add('MaxPool', values, own)]);
    return;
  }
  defineActivated(graph, outputs[0]!, graph.add('MaxPool', [graph.real(x, 'nchw')], own), activation, 'nchw');
});

const averagePool2d = exporter<PoolAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { window, size, activation } = attributes;
  const [x] = inputs as readonly [string];
  const own = { kernel_shape: size, ceil_mode: window.ceil === true, ...windowAttributes(graph, window, x, size) };
  defineActivated(graph, outputs[0]!, graph.add('AveragePool', [graph.real(x, 'nchw')], own), activation, 'nchw');
});

export const poolingExporters: Exporters = { AveragePool2D: averagePool2d, MaxPool2D: maxPool2d };
