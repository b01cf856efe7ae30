// The same request by swagger-client.

import SwaggerClient from 'swagger-client'

import { sound } from './document.mjs'

/** Sends what an operation stands for with these arguments. */
export async function reference(document, operation, given, base) {
  const { path, method, parameters, body } = operation
  const described = { operationId: 'it', parameters, ...(body && { requestBody: body }), responses: {} }
  const spec = { openapi: document.openapi, info: document.info, paths: { [path]: { [method]: described } } }
  const values = {}
  for (const parameter of parameters) {
    const value = given[parameter.in]?.[sound(parameter.name)]
    if (value !== undefined) values[`${parameter.in}.${parameter.name}`] = value
  }
  const kind = media(body?.content)
  const request = SwaggerClient.buildRequest({
    spec,
    operationId: 'it',
    parameters: values,
    baseURL: base,
    ...(given.body !== undefined && { requestBody: given.body, requestContentType: kind }),
  })
  if (request.body && typeof request.body === 'object' && !(request.body instanceof FormData)) {
    request.body = JSON.stringify(request.body)
  }
  await SwaggerClient.http(request)
}

/** The media type that is written of several: JSON, then forms. */
export function media(content = {}) {
  const kinds = Object.keys(content)
  const wanted = [/^application\/json/, /[/+]json/, /^application\/x-www-form-urlencoded/, /^multipart\//]
  return wanted.map((one) => kinds.find((kind) => one.test(kind))).find(Boolean) ?? kinds[0]
}
