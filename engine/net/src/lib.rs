//! Networks: namespaces, links, routes, filters and the services that live inside them.
