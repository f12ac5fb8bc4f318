"""The addresses of the whole program."""

from django.urls import include, path

urlpatterns = [path("", include("msphub.web.urls"))]
