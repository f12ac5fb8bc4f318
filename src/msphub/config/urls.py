"""The addresses of the whole program."""

urlpatterns: list[object] = []
