// Where the reference client says something else than the specification, by document and operation.

const DOTS =
  'OpenAPI 3.0.4 and 3.1.1 write label lists as RFC 6570 does, with commas; the tables before them had dots'

export const known = {
  'styles.json': {
    'get /label_false_list/{color}/end': DOTS,
    'get /label_false_map/{color}/end': DOTS,
    'get /cookie': 'the reference sends the last of several cookies alone',
    'post /form': 'without an encoding the entries of a list stand for themselves (form, explode: true)',
  },
}
