/** A process whose last business is a run stays until the run is over, and ends then. */
import { InferenceSession } from 'octensor';
import { layers, picture } from './layers.js';

const session = await InferenceSession.create(layers(5, 28, 64), { backend: 'native' });
session.run({ v0: picture(28, 64) }).then(() => console.log('done'));
