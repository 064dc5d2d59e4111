"""Which paths there are, and with which methods: what the framework, which looks at one route at a time, cannot tell."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route


class Paths:
    """The paths of every route."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]
        self._literal = {route.path for route in self._routes if not route.param_convertors}

    def is_literal(self, path: str) -> bool:
        """Whether a route has just this path, so that no part of it is an id."""
        return path in self._literal

    def methods(self, path: str) -> list[str]:
        """What a client may do with a path."""
        literal = self.is_literal(path)
        matching = [
            route
            for route in self._routes
            if (route.path == path if literal else route.path_regex.match(path))
        ]
        return sorted({method for route in matching for method in route.methods or ()})
